"""The laptop cloud as a person runs it: its commands, how it ends, and its environment."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest

from demo.application import gallery
from localcloud.build_record import forget
from localcloud.cloud import Cloud
from tests.e2e.conftest import OWN_ENVIRONMENT, free_port
from tests.support.repository import ROOT
from tests.support.waiting import awaited

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
FOREIGN = ("AKIAIOSFODNN7EXAMPLE", SECRET, "production", "aws.example", "persons-aws")


@pytest.fixture
def persons_environment(tmp_path: Path) -> dict[str, str]:
    """A shell with real-looking AWS variables, a profile and configuration files."""
    folder = tmp_path / "persons-aws"
    folder.mkdir()
    (folder / "config").write_text("[profile production]\nendpoint_url = https://aws.example\n")
    (folder / "credentials").write_text(f"[production]\naws_secret_access_key = {SECRET}\n")
    return OWN_ENVIRONMENT | {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_PROFILE": "production",
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_ENDPOINT_URL": "https://aws.example",
        "AWS_ENDPOINT_URL_S3": "https://s3.aws.example",
    }


@contextlib.contextmanager
def command(
    name: str, port: int, environment: Mapping[str, str] = OWN_ENVIRONMENT, *options: str
) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "--port", str(port), name, *options],
        cwd=ROOT,
        env={**environment, "COLUMNS": "200", "PYTHONUNBUFFERED": "1", "PYTHONPATH": "layers"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def outcome(name: str, port: int, *options: str) -> tuple[int, str]:
    with command(name, port, OWN_ENVIRONMENT, *options) as process:
        output, _ = process.communicate(timeout=240)
    assert "Traceback" not in output
    return process.returncode, output


def await_line(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdout
    lines = []
    for line in process.stdout:
        if text in line:
            return
        lines.append(line)
    pytest.fail(f"the command ended with {process.wait()}: {''.join(lines)}")


def descendants(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def test_demo_reports_a_port_in_use_and_what_to_do():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, output = outcome("demo", other.getsockname()[1])
    assert status == 1
    assert "Address already in use" in output
    assert "PORT=" in output


def test_demo_reports_a_cloud_that_runs_already_and_what_to_do(cloud: Cloud):
    status, output = outcome("demo", cloud.port)
    assert status == 1
    assert f"process {os.getpid()}" in output
    assert "make down" in output


def test_down_reports_that_no_cloud_runs():
    status, output = outcome("down", free_port())
    assert (status, "No laptop cloud runs" in output) == (0, True)


def test_command_that_needs_a_cloud_reports_that_none_runs():
    port = free_port()
    status, output = outcome("report", port)
    assert (status, f"No laptop cloud runs on port {port}" in output) == (1, True)
    assert "make up" in output


def test_page_port_in_use_is_reported_before_the_build():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        # The page's port is the next one, if none is named.
        status, output = outcome("demo", other.getsockname()[1] - 1)
    assert status == 1
    assert "EDGE_PORT=" in output
    assert "sam build" not in output


def test_function_to_debug_that_does_not_exist_is_reported_before_the_build():
    with command("up", free_port(), OWN_ENVIRONMENT, "--debug", "Nope") as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "has no function 'Nope'. It has CatalogReplicatorFunction, " in output
    assert "laptop cloud" not in output.partition("✗")[0]


def test_down_ends_what_up_started():
    """Also while `up` still builds."""
    port = free_port()
    with command("up", port) as process:
        await_line(process, "✓ laptop cloud")
        awaited(lambda: len(descendants(process)) > 1)  # the cloud, and sam
        started = descendants(process)
        assert outcome("down", port)[0] == 0
        assert process.wait(timeout=120) == 0  # so that make prints no error
    awaited(lambda: not any(child.is_running() for child in started))


@pytest.mark.parametrize("module", ["demo", "localcloud"])
def test_ctrl_c_during_the_imports_prints_no_stack_trace(module: str, tmp_path: Path):
    (tmp_path / "rich.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"  # as the first of the imports
    )
    done = subprocess.run(
        [sys.executable, "-m", module, "up"],
        cwd=ROOT,
        env={**OWN_ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(tmp_path), "layers"])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_ends_everything_while_up_still_builds():
    with command("up", free_port()) as process:
        await_line(process, "✓ laptop cloud")
        awaited(lambda: len(descendants(process)) > 1)  # the cloud, and sam
        started = descendants(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130
    awaited(lambda: not any(child.is_running() for child in started))


@pytest.mark.slow  # tests/applications/test_two_templates.py ends another application's `up` so
def test_ctrl_c_ends_everything():
    with command("up", free_port()) as process:
        await_line(process, "Ctrl-C ends the cloud")
        started = descendants(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
    awaited(lambda: not any(child.is_running() for child in started))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads environments of processes in /proc")
def test_demo_after_a_killed_one_works_and_gets_nothing_of_a_persons_aws(
    persons_environment: dict[str, str],
):
    """Observed from outside while it runs: ministack, sam, make, pip, and the functions."""
    port = free_port()
    with command("up", port) as killed:
        await_line(killed, "Ctrl-C ends the cloud")
        started = descendants(killed)
        killed.kill()
        killed.wait()
        forget(gallery(Cloud("127.0.0.1", port)))  # so that the next one builds too
        seen: dict[str, dict[str, str]] = {}
        with command("demo", port, persons_environment) as process:
            while process.poll() is None:
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    for child in descendants(process):
                        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                            seen[" ".join(child.cmdline())] = child.environ()
                time.sleep(0.05)
            assert process.stdout
            output = process.stdout.read()
            assert process.returncode == 0, output
            assert "All results are as expected" in output
    assert not any(child.is_running() for child in started)
    own = " ".join(process.args) if isinstance(process.args, list) else process.args
    seen.pop(own, None)  # a child between fork and exec still looks like its parent
    for part in ("ministack/server.py", "sam build", "sam deploy", "launcher.py"):
        assert any(part in name for name in seen), (part, sorted(seen))
    for name, environment in seen.items():
        held = " ".join(environment.values())
        assert not [secret for secret in FOREIGN if secret in held], name
    for name, environment in seen.items():
        if "build" not in name and "AWS_ENDPOINT_URL" in environment:
            assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:"), name

"""Each flow as `make extract` writes it: the commands of its README, and no others.

Only the virtual environment is this repository's, because the network would set the pace.
"""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.applications.scripts import SECONDS, commands, environment, run
from tests.e2e.conftest import free_port
from tests.support.repository import ROOT
from tools.extract.flows import load_flows

SHOWN = {
    "thumbnails": r"READY photos/[\w-]+/\w+/large\.webp",
    "views": "counted: 1 view in total",
    "replication": "replicated: .*photo_id.*replicated_at",
    "report": r"SUCCEEDED\nreports/[\d-]+\.json",
    "api": "own photos: 1",
    "edge": "Link: </photos/.*rel=preload",
}


@contextlib.contextmanager
def running(script: str, folder: Path) -> Iterator[None]:
    """A laptop cloud from its first line of logs on, until Ctrl-C."""
    log = folder.parent / "up.log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            ["/bin/bash", "-ec", script],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + SECONDS
            while "Ctrl-C ends" not in log.read_text():
                assert process.poll() is None, log.read_text()[-4000:]
                assert time.monotonic() < deadline, log.read_text()[-4000:]
                time.sleep(0.2)
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


@pytest.mark.slow
@pytest.mark.timeout(2700)
@pytest.mark.parametrize("flow", load_flows())
def test_commands_of_the_readme(flow: str, tmp_path: Path):
    application = tmp_path / f"my-{flow}"
    run(f"{sys.executable} -m tools.extract {flow} {shlex.quote(str(application))}", ROOT)
    readme = (application / "README.md").read_text()
    [test], [up, try_it] = commands(readme, "Test it"), commands(readme, "Run it on this machine")
    [deploy] = commands(readme, "Deploy it into an account")
    (application / ".venv").symlink_to(ROOT / ".venv")

    *install, pytest_ = test.splitlines()
    assert install == [
        "python3.13 -m venv .venv",
        ".venv/bin/pip install --require-hashes --requirement requirements/tests.txt",
    ]
    run(f"{pytest_} --quiet -p no:cacheprovider --numprocesses 2", application)

    *checked, sam_deploy = deploy.splitlines()
    assert sam_deploy == "sam deploy", "it needs an account"
    built = run(
        "\n".join(checked).replace("sam validate", "AWS_REGION=eu-west-1 sam validate"), application
    )
    assert "is a valid SAM Template" in built
    assert "Build Succeeded" in built

    port = free_port()
    ports = {"4566": str(port), "4567": str(port + 1), "~/lambda-gallery": str(ROOT)}
    for old, new in ports.items():
        up, try_it = up.replace(old, new), try_it.replace(old, new)
    with running(up, application):
        assert re.search(SHOWN[flow], run(try_it, application))

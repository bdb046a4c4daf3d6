"""`container-image`: built and invoked by sam where a Docker engine has the base image.

Without one, what the Dockerfile copies and installs runs under the runtime emulator of the SAM CLI.
"""

import json
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
import samcli

from localcloud.cloud import RUNTIME_PYTHON
from tests.e2e.conftest import OWN_ENVIRONMENT, free_port
from tests.support.repository import ROOT
from tests.support.waiting import awaited

pytestmark = pytest.mark.slow
EXAMPLE: Final = ROOT / "examples" / "container-image"
BASE: Final = "public.ecr.aws/lambda/python:3.13"
ARCHITECTURE: Final = "arm64" if platform.machine() == "aarch64" else "x86_64"
EMULATOR: Final = Path(samcli.__file__).parent / f"local/rapid/aws-lambda-rie-{ARCHITECTURE}"
ANSWERS: Final = {
    "carbonara": {"recipe": "carbonara", "similar": {"cacio e pepe": 0.775, "amatriciana": 0.6}},
    "unknown": {"error": "There is no recipe 'stew'."},
}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, with the folder of the function's code as `.`."""
    text = (EXAMPLE / "Dockerfile").read_text().replace("${LAMBDA_TASK_ROOT}", ".")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def make_content(folder: Path) -> list[str]:
    """Do in a folder what the Dockerfile does in the image; returns the command."""
    command: list[str] = []
    for word, rest in instructions():
        match word, shlex.split(rest):
            case "FROM", [base]:
                assert base == BASE
            case "COPY", [source, target] if (EXAMPLE / source).is_dir():
                shutil.copytree(EXAMPLE / source, folder / target, dirs_exist_ok=True)
            case "COPY", [source, target]:
                shutil.copy(EXAMPLE / source, folder / target)
            case "RUN", ["python", "-m", "pip", *arguments]:
                pip = [sys.executable, "-m", "pip", *arguments]
                subprocess.run(pip, cwd=folder, env=OWN_ENVIRONMENT, check=True, timeout=300)
            case "CMD", _:
                command = json.loads(rest)
            case other:
                pytest.fail(f"the test cannot do {other}")
    return command


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The runtime emulator, with the content of the image."""
    folder = tmp_path_factory.mktemp("content")
    handler = make_content(folder)
    emulator, runtime_api = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    addresses = (
        f"--runtime-interface-emulator-address={emulator}",
        f"--runtime-api-address={runtime_api}",
    )
    log = (folder.parent / "emulator.log").open("wb")
    process = subprocess.Popen(
        [EMULATOR, *addresses, RUNTIME_PYTHON, "-m", "awslambdaric", *handler],
        cwd=folder,
        env=OWN_ENVIRONMENT | {"AWS_LAMBDA_FUNCTION_TIMEOUT": "30"},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        yield f"http://{emulator}/2015-03-31/functions/function/invocations"
    finally:
        process.terminate()
        process.wait()
        log.close()


@pytest.mark.parametrize("event", ANSWERS)
def test_content_of_the_image_answers_in_the_runtime_emulator(url: str, event: str):
    body = (EXAMPLE / "events" / f"{event}.json").read_text()

    def answer() -> httpx.Response | None:
        try:
            return httpx.post(url, content=body, trust_env=False, timeout=60)
        except httpx.ConnectError:
            return None  # the emulator starts

    assert awaited(answer).json() == ANSWERS[event]


def has_base_image() -> bool:
    try:
        listed = subprocess.run(
            ["docker", "image", "ls", "--quiet", BASE],
            env=OWN_ENVIRONMENT,
            capture_output=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(listed.stdout.strip())


@pytest.mark.skipif(
    not has_base_image(), reason=f"needs a Docker engine that has {BASE}: the content ran without"
)
@pytest.mark.enable_socket
def test_image_is_built_and_answers(tmp_path: Path):
    copy = tmp_path / "image"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns(".aws-sam", "tests"))
    options = ("--parameter-overrides", f"Architecture={ARCHITECTURE}")

    def sam(*arguments: str) -> str:
        done = subprocess.run(
            [Path(sys.executable).with_name("sam"), *arguments],
            cwd=copy,
            env=OWN_ENVIRONMENT | {"SAM_CLI_TELEMETRY": "0"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    sam("build", *options)
    for event, expected in ANSWERS.items():
        invoked = sam(
            "local", "invoke", "--skip-pull-image", "--event", f"events/{event}.json", *options
        )
        assert json.loads(invoked.strip().splitlines()[-1]) == expected

"""`up` while a person edits: saved files run under the alias; Enter deploys all other changes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from localcloud.cloud import Cloud
from localcloud.stack import Stack
from tests.applications.test_commands import outcome
from tests.e2e.conftest import OWN_ENVIRONMENT, free_port
from tests.support.debug_client import DebugClient
from tests.support.repository import ROOT
from tests.support.waiting import awaited

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux"),
]
TEMPLATE: Final = """
Transform: AWS::Serverless-2016-10-31
Resources:
  CommonLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile}
    Properties: {ContentUri: layers}
  GreetFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: greet.handler
      CodeUri: src
      Timeout: 30
      AutoPublishAlias: live
      ProvisionedConcurrencyConfig: {ProvisionedConcurrentExecutions: 1}
      Layers: [!Ref CommonLayer]
      Environment: {Variables: {SIGN: "."}}
"""
# Bytecode that Python does not compare with its source, as layers have it for fast cold starts.
MAKEFILE: Final = """
build-CommonLayer:
\tmkdir -p "$(ARTIFACTS_DIR)/python/common"
\tcp common/*.py "$(ARTIFACTS_DIR)/python/common"
\tpython3.13 -m compileall -q --invalidation-mode unchecked-hash "$(ARTIFACTS_DIR)/python"
"""
GREET: Final = """
import os
from common.words import GREETING

def handler(event, context):
    return GREETING + " Ann" + os.environ["SIGN"]
"""


@dataclass
class Project:
    """An application that `up` runs in a terminal while its files are edited."""

    folder: Path
    cloud: Cloud
    output: Path
    keyboard: int

    @property
    def options(self) -> tuple[str | Path, ...]:
        return "--template", self.folder / "template.yaml"

    @property
    def event(self) -> Path:
        return self.folder / "event.json"

    def save(self, file: str, text: str) -> None:
        path = self.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        new.replace(path)  # as editors do

    def answers(self) -> str:
        """What the version behind the alias answers."""
        name = Stack(self.cloud, "hello-local").function_name("GreetFunction")
        response = self.cloud.client("lambda").invoke(FunctionName=name, Qualifier="live")
        answer = json.loads(response["Payload"].read())
        return answer if isinstance(answer, str) else str(answer["errorMessage"])

    def says(self, text: str) -> bool:
        return text in " ".join(self.output.read_text().split())

    def await_text(self, text: str) -> None:
        awaited(lambda: self.says(text))

    def await_answer(self, expected: str) -> None:
        awaited(lambda: self.answers() == expected)

    def press_enter(self) -> None:
        os.write(self.keyboard, b"\n")


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    """`up`, with more options as the fixture's parameter."""
    keyboard, terminal = os.openpty()
    cloud = Cloud("127.0.0.1", free_port())
    project = Project(tmp_path / "hello", cloud, tmp_path / "output", keyboard)
    project.save("template.yaml", TEMPLATE)
    project.save("layers/Makefile", MAKEFILE)
    project.save("layers/common/words.py", 'GREETING = "Hello"\n')
    project.save("src/greet.py", GREET)
    project.save("src/requirements.txt", "")
    project.save("event.json", "{}")
    command = ["setsid", "--ctty", sys.executable, "-m", "localcloud", "up"]
    command += getattr(request, "param", [])
    with (
        project.output.open("w") as output,
        subprocess.Popen(
            [*command, *project.options, "--port", str(cloud.port)],
            cwd=ROOT,
            env={**OWN_ENVIRONMENT, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
            stdin=terminal,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            awaited(lambda: project.says("Ctrl-C ends") or process.poll() is not None, 240)
            assert process.poll() is None, project.output.read_text()
            yield project
        finally:
            process.terminate()
            process.wait()
            os.close(keyboard)
            os.close(terminal)
            assert "Traceback" not in project.output.read_text()


def test_saved_code_runs_under_the_alias_and_enter_deploys_the_rest(project: Project):
    assert project.answers() == "Hello Ann."

    project.save("src/greet.py", GREET.replace("Ann", "Ben"))
    project.await_answer("Hello Ben.")
    project.save("layers/common/words.py", "from common.more import GREETING")
    project.save("layers/common/more.py", 'GREETING = "Hi"')
    project.await_answer("Hi Ben.")

    status, output = outcome("invoke", "GreetFunction", project.event, *project.options)
    assert (status, output.splitlines()[-1]) == (0, '"Hi Ben."'), output
    assert "REPORT RequestId" in output

    project.save("src/greet.py", "def handler(event, context)\n    pass")
    project.await_text("greet.py, line 1: expected ':'. The previous code still runs.")
    assert project.answers() == "Hi Ben."
    project.save("src/greet.py", GREET.replace("Ann", "Cleo"))
    project.await_answer("Hi Cleo.")

    project.save("layers/common/words.py", 'GREETING = "Hello"\n')
    (project.folder / "layers" / "common" / "more.py").unlink()
    project.await_answer("Hello Cleo.")

    project.save("src/requirements.txt", "# none\n")
    project.await_text("requirements.txt changed: it needs a build and a deployment. Press Enter")
    project.save("template.yaml", TEMPLATE.replace('SIGN: "."', 'SIGN: "!"'))
    project.await_text("template.yaml changed: the stack needs a deployment. Press Enter")
    assert project.answers() == "Hello Cleo."
    project.press_enter()
    awaited(lambda: project.answers() == "Hello Cleo!", 240)

    project.save("src/greet.py", GREET.replace("Ann", "Dan"))
    project.await_answer("Hello Dan!")


DEBUG_PORT: Final = free_port()


@pytest.mark.parametrize(
    "project", [["--debug", f"GreetFunction:{DEBUG_PORT}"]], indirect=True, ids=["debug"]
)
def test_debugger_stops_at_the_breakpoint_in_the_source(project: Project):
    project.await_text(f"Debugger: GreetFunction on 127.0.0.1:{DEBUG_PORT}")
    words = project.folder / "layers" / "common" / "words.py"
    with ThreadPoolExecutor(1) as threads, DebugClient(DEBUG_PORT) as client:
        client.stop_at(project.folder / "src" / "greet.py", 6)
        answer = threads.submit(project.answers)
        assert client.stopped() == (str(project.folder / "src" / "greet.py"), 6)
        assert client.evaluate("GREETING") == "'Hello'"
        client.continue_program()
        assert answer.result(60) == "Hello Ann."

    project.save("layers/common/words.py", 'def greeting():\n    return "Hi"\n')
    project.save(
        "src/greet.py", GREET.replace("GREETING +", "greeting() +").replace("GREETING", "greeting")
    )
    project.await_answer("Hi Ann.")
    with ThreadPoolExecutor(1) as threads, DebugClient(DEBUG_PORT) as client:
        client.stop_at(words, 2)
        answer = threads.submit(project.answers)
        assert client.stopped() == (str(words), 2)
        client.continue_program()
        assert answer.result(60) == "Hi Ann."

"""From saving a file to the first answer of the new code, and what a deployment takes instead.

`python bench/inner_loop.py`. `python -m localcloud up` runs a small application: an HTTP API, its
function under the alias `live`, and a layer that a Makefile builds with bytecode. In turns a file
of the function and a file of the layer are saved with a new text, and the API is asked until it
answers that text. At the end the same change goes by `python -m localcloud deploy`. Linux only.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from results import exit_status, print_table, verdict

ROOT = Path(__file__).parent.parent
MAX_SECONDS = 3.0
GIVE_UP_SECONDS = 120.0
DEPLOYMENT = "python -m localcloud deploy"
TEMPLATE = """
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
      Layers: [!Ref CommonLayer]
      Events: {Get: {Type: HttpApi, Properties: {Path: /, Method: get}}}
"""
MAKEFILE = """
build-CommonLayer:
\tmkdir -p "$(ARTIFACTS_DIR)/python/common"
\tcp common/*.py "$(ARTIFACTS_DIR)/python/common"
\tpython3.13 -m compileall -q --invalidation-mode unchecked-hash "$(ARTIFACTS_DIR)/python"
"""
FUNCTION = """
from common.words import WORD

def handler(event, context):
    return {{"statusCode": 200, "body": "{} " + WORD}}
"""
LAYER = 'WORD = "{}"\n'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--port", type=int, default=4650)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        write(project / "template.yaml", TEMPLATE)
        write(project / "layers" / "Makefile", MAKEFILE)
        write(project / "layers" / "common" / "words.py", LAYER.format("0"))
        write(project / "src" / "greet.py", FUNCTION.format("0"))
        write(project / "src" / "requirements.txt", "")
        measured = measure(project, arguments.rounds, arguments.port)
    slowest = {name: max(seconds) for name, seconds in measured.items()}
    met = {name: slowest[name] <= MAX_SECONDS for name in measured if name != DEPLOYMENT}
    print_table(
        "From saving to the first answer of the new code",
        ("", "median", "slowest", f"slowest at most {MAX_SECONDS:.0f} s"),
        [
            (
                name,
                f"{statistics.median(seconds):.2f} s",
                f"{slowest[name]:.2f} s",
                verdict(met=met[name]) if name in met else "",
            )
            for name, seconds in measured.items()
        ],
    )
    return exit_status(met=all(met.values()))


def measure(project: Path, rounds: int, port: int) -> dict[str, list[float]]:
    """Seconds of each kind of change."""
    options = ["--template", str(project / "template.yaml"), "--port", str(port)]
    output = project / "up.log"
    with output.open("w") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "localcloud", "up", *options],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "Ctrl-C ends" in output.read_text() or up.poll() is not None, "from up")
        url = address(output.read_text())
        function = project / "src" / "greet.py"
        layer = project / "layers" / "common" / "words.py"
        measured: dict[str, list[float]] = {"a function's file": [], "a layer's file": []}
        for number in range(1, rounds + 1):
            write(function, FUNCTION.format(number))
            measured["a function's file"].append(answered(url, f"{number} {number - 1}"))
            write(layer, LAYER.format(number))
            measured["a layer's file"].append(answered(url, f"{number} {number}"))
        began = time.monotonic()
        deploy = [sys.executable, "-m", "localcloud", "deploy", *options[:2]]
        subprocess.run(deploy, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return {**measured, DEPLOYMENT: [time.monotonic() - began]}
    finally:
        up.terminate()
        up.wait()


def address(printed: str) -> str:
    """The URL of the API, from what `up` prints before it follows the logs."""
    found = [line.split()[-1] for line in printed.splitlines() if line.split()[:1] == ["API"]]
    if not found:
        sys.exit(f"The laptop cloud did not start:\n{printed}")
    return found[0]


def answered(url: str, expected: str) -> float:
    """Seconds until the API answers what is expected."""
    began = time.monotonic()
    until(
        lambda: httpx.get(f"{url}/", trust_env=False, timeout=30).text == expected, f"'{expected}'"
    )
    return time.monotonic() - began


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"No answer {what} in {GIVE_UP_SECONDS:.0f} s.")
        time.sleep(0.01)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    sys.exit(main())

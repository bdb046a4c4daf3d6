"""Runs the sam command of this environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ops.stacks import ROOT, STAGES, Account, OperationError, Stage


def run_sam(
    account: Account, command: str, stage: Stage, *options: str, folder: Path = ROOT
) -> str:
    """Run sam in `folder` for a stage of its samconfig.toml; returns what it printed.

    The output is also printed line by line.

    Raises:
        OperationError: sam failed; its own output says why.
    """
    sam = str(Path(sys.executable).with_name("sam"))
    common = ["--config-env", STAGES[stage.name], "--region", account.region]
    columns = shutil.get_terminal_size().columns  # sam reads the width of its tables from COLUMNS
    environment = {**os.environ, "COLUMNS": str(columns), "PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    with subprocess.Popen(
        [sam, command, *common, *options],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    if process.returncode:
        raise OperationError(f"sam {command} failed (exit status {process.returncode}).")
    return "".join(lines)


def parameter_overrides(parameters: dict[str, str]) -> list[str]:
    """The option that passes these parameters to sam.

    Values are quoted, because a schedule has spaces and an empty value must remain an argument.
    """
    quoted = {name: value.replace('"', '\\"') for name, value in parameters.items()}
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in quoted.items())]


def build(account: Account, stage: Stage, *options: str) -> None:
    """Run sam build, and remove the bytecode of functions' sources from the artifacts.

    sam copies the bytecode of this machine, so an artifact would have another hash on each machine.
    Layers keep the bytecode that their own build makes for Lambda.

    Raises:
        OperationError: sam failed; its own output says why.
    """
    run_sam(account, "build", stage, *options)
    for artifact in stage.build_folder.iterdir():
        if artifact.is_dir() and not (artifact / "python").exists():
            for cache in list(artifact.rglob("__pycache__")):
                shutil.rmtree(cache)

"""`python -m tools.remove_flow report`: removes a flow from the repository in this folder."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools.remove_flow.removal import Removal, RemovalError, remove_flow
from tools.remove_flow.rules import flows, load_rules


def main() -> int:
    """The exit status is 0 only if the flow is removed, or with --check could be."""
    arguments = _parser().parse_args()
    root = Path.cwd()
    rules = load_rules(arguments.flow)
    if not arguments.check and _git(root, "status", "--porcelain", "--untracked-files=no"):
        return _refuse("commit your changes first, so that `git diff` shows what was removed")
    try:
        removal = remove_flow(text_files(root), rules)
    except RemovalError as error:
        return _refuse(f"tools/remove_flow/{arguments.flow}.toml: {error}")
    if not arguments.check:
        _write(root, removal)
    print(f"{len(removal.deleted)} files deleted, {len(removal.written)} changed.")
    print("Run these next:", *rules.afterwards, sep="\n  ")
    return 0


def text_files(root: Path) -> dict[str, str]:
    """The text files that git knows, by path."""
    found = {}
    for name in _git(root, "ls-files", "-z").split("\0"):
        path = root / name
        if path.is_file() and not path.is_symlink() and b"\0" not in (data := path.read_bytes()):
            found[name] = data.decode()
    return found


def _write(root: Path, removal: Removal) -> None:
    for name in removal.deleted:
        (root / name).unlink()
        for folder in (root / name).parents:
            if any(each.name != "__pycache__" for each in folder.iterdir()):
                break
            shutil.rmtree(folder)
    for name, text in removal.written.items():
        (root / name).write_text(text)
    python = [name for name in removal.written if name.endswith(".py")]
    _ruff(root, "check", "--fix-only", "--quiet", "--select", "F401,I", *python)
    _ruff(root, "format", "--quiet", *python)


def _ruff(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "ruff", *arguments], cwd=root, check=True)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return done.stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.remove_flow")
    parser.add_argument("flow", choices=flows())
    parser.add_argument("--check", action="store_true", help="change nothing")
    return parser


def _refuse(why: str) -> int:
    print(f"remove-flow: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

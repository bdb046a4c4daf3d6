"""`python -m tools.extract views ../my-app`: writes one flow as an application of its own."""

import argparse
import sys

from tools.extract.application import application
from tools.extract.destination import UnusableFolderError, checked, write
from tools.extract.flows import load_flows
from tools.translate import ROOT


def main() -> int:
    """The exit status is 0 only if the application is written."""
    arguments = _parser().parse_args()
    flows = load_flows()
    flow = flows.get(arguments.flow)
    if flow is None:
        return _refuse(f"there is no flow {arguments.flow!r}: expected {', '.join(flows)}")
    try:
        to = checked(arguments.to, ROOT)
        files = application(ROOT, flow, to.name)
        write(files, to)
    except (UnusableFolderError, ValueError) as error:
        return _refuse(str(error))
    print(f"{flow.title}: {len(files)} files in {to}")
    print(f"{to / 'README.md'} says what it is and how to run it.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.extract")
    parser.add_argument("flow", help="thumbnails, views, replication, report, api or edge")
    parser.add_argument("to", help="a folder that does not exist yet, outside of this repository")
    return parser


def _refuse(why: str) -> int:
    print(f"extract: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

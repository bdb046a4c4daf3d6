"""Arguments that several commands have in common."""

import argparse
from typing import Final

from ops.stacks import STAGES

DEV_STACK: Final = "lambda-gallery-dev"


def stage_parser(prog: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that choose a stage, a stack and an account."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument(
        "--stage", choices=STAGES, default="dev", help="stage of samconfig.toml (default: dev)"
    )
    parser.add_argument("--stack", help="name of the stack (default: the name in samconfig.toml)")
    parser.add_argument(
        "--account", metavar="ID", help="refuse to run if the credentials are of another account"
    )
    return parser


def stack_parser(prog: str, description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that names a deployed stack."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--stack", default=DEV_STACK, help=f"name of the stack ({DEV_STACK})")
    return parser


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add the option that overrides parameters of the template."""
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="override a parameter of the template (repeatable)",
    )


def add_confirmation(parser: argparse.ArgumentParser) -> None:
    """Add the option that answers every question with yes."""
    parser.add_argument("--yes", action="store_true", help="answer every question with yes")

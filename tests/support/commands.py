"""Whether a command of a document could run: its targets, operations, options and files exist."""

import argparse
import contextlib
import importlib
import io
import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any, Final
from unittest.mock import patch

import botocore.session
from click.testing import CliRunner
from samcli.cli.main import cli as sam_cli

from tests.support.repository import ROOT, load_template

PLACEHOLDERS: Final = ("…", "<", "STACK")
_CLI_NAMES: Final = {"deploy": "codedeploy", "s3api": "s3"}  # where the AWS CLI has another name
_GLOBAL_OPTIONS: Final = {"cli-binary-format", "endpoint-url", "region"}
_SESSION: Final = botocore.session.Session()
_MAKEFILE: Final = (ROOT / "Makefile").read_text()


class CommandError(Exception):
    """Why a command cannot run."""


class _ParsedError(Exception):
    """The arguments are valid."""


def check(text: str) -> None:
    """Check each command of a line, without running it.

    Raises:
        CommandError: something that the command names does not exist.
    """
    for part in re.split(r" (?:&&|\|) ", text):
        words = shlex.split(part, comments=True)
        program, arguments = words[0].removeprefix(".venv/bin/"), words[1:]
        try:
            checker = _CHECKERS[program]
        except KeyError:
            raise CommandError(f"no test knows {program!r}: add it to {__name__}") from None
        if arguments:
            checker(arguments)


def _check_make(arguments: list[str]) -> None:
    target, *settings = arguments
    if target.startswith(PLACEHOLDERS):
        return
    recipe = recipe_of(target)
    for setting in settings:
        name, _, value = setting.partition("=")
        if f"$({name})" not in recipe:
            raise CommandError(f"make {target} does not use {name}")
        if name == "ARGS":
            _check_options(target, recipe, shlex.split(value))
        if name in {"FUNCTION", "DEBUG"} and value not in load_template()["Resources"]:
            raise CommandError(f"the template has no function {value!r}")
        if name == "EVENT":
            _check_file(value)


@cache
def recipe_of(target: str) -> str:
    """The recipe of a target of the Makefile, with the variables that its variables use."""
    found = re.search(rf"^{re.escape(target)}:(?!=).*\n((?:\t.*\n)*)", _MAKEFILE, re.MULTILINE)
    if not found:
        raise CommandError(f"the Makefile has no target {target!r}")
    return _with_definitions(found[1])


def _with_definitions(text: str) -> str:
    for name in re.findall(r"\$\((\w+)\)", text):
        if definition := re.search(rf"^{name} *:?= *(.*)$", _MAKEFILE, re.MULTILINE):
            text += _with_definitions(definition[1])
    return text


def _check_options(target: str, recipe: str, options: list[str]) -> None:
    module = re.search(r"(?:-m|\$\(TOOL\)) ((?:bench|ops|tools|tests)\.[\w.]+)", recipe)
    if module:
        positional = ["PHOTO"] if "$(PHOTO)" in recipe else []
        _check_arguments(module[1], [*positional, *options])
    elif "/pytest " in recipe:
        known = (ROOT / "tests" / "e2e" / "conftest.py").read_text()
        for option in options:
            if f'"{option.partition("=")[0]}"' not in known:
                raise CommandError(f"make {target}: pytest has no option {option!r}")
    elif options:
        raise CommandError(f"make {target}: no test knows what takes {options}")


def _check_arguments(module: str, arguments: list[str]) -> None:
    """Let the module parse its arguments, and stop it then."""
    folder = ROOT.joinpath(*module.split("."))
    name = module
    if folder.is_dir():
        name += ".commands" if (folder / "commands.py").exists() else ".__main__"
    if not folder.is_dir() and not folder.with_suffix(".py").is_file():
        raise CommandError(f"there is no module {module}")
    error = argument_error(importlib.import_module(name).main, name, arguments)
    if error:
        raise CommandError(f"python -m {module}: {error}")
    parameters = load_template()["Parameters"]
    for option, value in pairwise(arguments):
        if option == "--parameter" and "localcloud" not in module:
            parameter = value.partition("=")[0]
            if parameter not in parameters:
                raise CommandError(f"the template has no parameter {parameter!r}")


def argument_error(main: Callable[..., Any], name: str, arguments: list[str]) -> str:
    """The error message of argparse; empty if the arguments are valid. Nothing is run."""
    parse = argparse.ArgumentParser.parse_args

    def only_parse(parser: argparse.ArgumentParser, *given: Any) -> None:
        parse(parser, *given)
        raise _ParsedError

    output = io.StringIO()
    with (
        patch.object(argparse.ArgumentParser, "parse_args", only_parse),
        patch.object(argparse.FileType, "__call__", lambda _, path: path),
        patch.object(sys, "argv", [name, *arguments]),
        contextlib.redirect_stderr(output),
    ):
        try:
            main(arguments) if main.__code__.co_argcount else main()
        except _ParsedError:
            return ""
        except SystemExit:
            return output.getvalue().strip().rpartition("\n")[2]
    return f"{name} does not parse its arguments by argparse"


def _check_aws(arguments: list[str]) -> None:
    """By the models that the AWS CLI makes its commands from; values are not checked."""
    if len(arguments) < 2:
        return
    service, command, *rest = arguments
    if command.startswith("--"):
        raise CommandError(f"aws {service} needs an operation before {command}")
    options, required = operation(service, command)
    given = {word.removeprefix("--").partition("=")[0] for word in rest if word.startswith("--")}
    # A switch that turns a boolean off is named after the one that turns it on.
    named = {each if each in options else each.removeprefix("no-") for each in given}
    if unknown := named - options - _GLOBAL_OPTIONS:
        raise CommandError(f"aws {service} {command} has no option {sorted(unknown)}")
    if rest and (missing := required - named):  # otherwise the sentence only names the command
        raise CommandError(f"aws {service} {command} also needs {sorted(missing)}")
    for value in rest:
        if value.startswith("{"):
            _check_json(value)


def _check_json(value: str) -> None:
    try:
        json.loads(value)
    except ValueError as error:
        raise CommandError(f"not JSON: {value} ({error})") from None


@cache
def operation(service: str, command: str) -> tuple[set[str], set[str]]:
    """The options of an operation, as the AWS CLI names them, and those that must be given."""
    name = _CLI_NAMES.get(service, service)
    if name not in _SESSION.get_available_services():
        raise CommandError(f"AWS has no service {service!r}")
    model = _SESSION.get_service_model(name)
    operations = {option_name(each): each for each in model.operation_names}
    if command not in operations:
        raise CommandError(f"aws {service} has no operation {command!r}")
    shape = model.operation_model(operations[command]).input_shape
    members = shape.members if shape else {}
    required = shape.required_members if shape else []
    return {option_name(each) for each in members}, {option_name(each) for each in required}


def option_name(name: str) -> str:
    """A name of a model, as the AWS CLI spells it."""
    return botocore.xform_name(name, "-")


def _check_sam(arguments: list[str]) -> None:
    words = list(_words_before_options(arguments))
    command = words[:2] if words[0] in {"local", "remote", "list", "pipeline"} else words[:1]
    known = sam_help(tuple(command))
    for option in (each.partition("=")[0] for each in arguments if each.startswith("--")):
        if not re.search(rf"{option}\b(?!-)", known):
            raise CommandError(f"sam {' '.join(command)} has no option {option}")


def _words_before_options(arguments: list[str]) -> Iterator[str]:
    for argument in arguments:
        if argument.startswith("-"):
            return
        yield argument


@cache
def sam_help(command: tuple[str, ...]) -> str:
    """What `sam COMMAND --help` prints."""
    done = CliRunner().invoke(sam_cli, [*command, "--help"])
    if done.exit_code:
        raise CommandError(f"sam has no command {' '.join(command)!r}")
    return done.output


def _check_python(arguments: list[str]) -> None:
    match arguments:
        case ["-m", module, *rest] if not any("|" in word for word in rest):
            _check_arguments(module, rest)
        case ["-m", *_]:
            pass  # alternatives, as in a synopsis
        case [script, *_]:
            _check_file(script)


def _check_pytest(arguments: list[str]) -> None:
    for argument in arguments:
        if argument.startswith("tests/"):
            _check_file(argument.partition("::")[0])


def _check_file(path: str) -> None:
    if not path.startswith(PLACEHOLDERS) and not (ROOT / path).exists():
        raise CommandError(f"there is no file {path}")


def _accept(_: list[str]) -> None:
    """Check nothing: these arguments name nothing of this repository or of AWS."""


_CHECKERS: Final[dict[str, Callable[[list[str]], None]]] = {
    "aws": _check_aws,
    "curl": _accept,
    "export": _accept,
    "git": _accept,
    "make": _check_make,
    "mkdir": _accept,
    "perl": _accept,
    "pytest": _check_pytest,
    "python": _check_python,
    "rm": _accept,
    "sam": _check_sam,
}

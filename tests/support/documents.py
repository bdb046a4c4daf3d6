"""The commands and links that the documents contain, by the conventions of docs/README.md."""

import contextlib
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from tests.support.repository import ROOT

LAPTOP: Final = "laptop"
ACCOUNT: Final = "account"
PARSED: Final = "parsed"
INLINE: Final = "inline"
PROGRAMS: Final = ("make ", "aws ", "sam ", "git ", "curl ", "python ", ".venv/bin/")
# A runbook is for a stack in an account; a decision may name what does not exist any more.
ACCOUNT_PAGES: Final = "docs/runbooks/"
HISTORY: Final = ("docs/decisions.md", "CHANGELOG.md")

_MARK: Final = re.compile(r"<!-- commands: (laptop|account|parsed(?= \(.+\) -->))( \(.+\))? -->")
_COMMENT: Final = re.compile(r" +# .*$")
_FENCE: Final = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK: Final = re.compile(r"\]\(([^()\s]+(?:\([^()]*\))?)\)")


class DocumentError(Exception):
    """A document does not follow the conventions; the message names page and line."""


class Command(NamedTuple):
    """A command of a document, and how a test treats it."""

    page: str
    line: int
    text: str
    how: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


@cache
def tracked_files() -> list[str]:
    """The path of every file that git tracks and that exists."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@cache
def pages() -> dict[str, str]:
    """The text of every document, by path."""
    return {name: (ROOT / name).read_text() for name in tracked_files() if name.endswith(".md")}


def all_commands() -> list[Command]:
    """The commands of all documents that follow the conventions; a test of its own finds others."""
    found: list[Command] = []
    for page, text in pages().items():
        with contextlib.suppress(DocumentError):
            found += commands_in(page, text)
    return found


def without_blocks(text: str) -> str:
    """The text without what is in fenced blocks; each line keeps its number."""
    return _FENCE.sub(lambda block: "\n" * block[0].count("\n"), text)


def code_in(text: str) -> Iterator[tuple[int, str]]:
    """What is in backticks in sentences and tables, with its line."""
    prose = without_blocks(text)
    for found in _CODE.finditer(prose):
        yield prose.count("\n", 0, found.start()) + 1, " ".join(found[1].split())


def commands_in(page: str, text: str) -> list[Command]:
    """The commands of a document: after the prompts of console blocks, and in sentences.

    Raises:
        DocumentError: a command after a prompt has no comment that says how it is tested.
    """
    found = [
        Command(page, line, code, INLINE)
        for line, code in code_in(text)
        if page not in HISTORY and code.startswith(PROGRAMS) and " " in code
    ]
    how = ACCOUNT if page.startswith(ACCOUNT_PAGES) else ""
    marks = {text.count("\n", 0, mark.start()) + 1: mark[1] for mark in _MARK.finditer(text)}
    blocks: dict[int, str] = {}
    for block in _FENCE.finditer(text):
        first = text.count("\n", 0, block.start()) + 2
        for number, line in enumerate(block[2].splitlines(), first):
            if line.lstrip().startswith("$ "):
                blocks[number] = _COMMENT.sub("", line.lstrip().removeprefix("$ "))
                if block[1] != "console":
                    raise DocumentError(f"{page}:{number}: put commands into ```console blocks")
    for number, line in enumerate(text.splitlines(), 1):
        if number in marks:
            how = marks[number]
        elif line.startswith("<!-- commands:"):
            raise DocumentError(f"{page}:{number}: expected laptop, account, or parsed (reason)")
        if number in blocks:
            if not how:
                raise DocumentError(f"{page}:{number}: say in a comment how the command is tested")
            found.append(Command(page, number, blocks[number], how))
    return sorted(found, key=lambda command: command.line)


def links_in(text: str) -> list[str]:
    """The targets of all links and pictures that are not on the web."""
    prose = _CODE.sub("", without_blocks(text))
    return [link for link in _LINK.findall(prose) if not re.match(r"[a-z]+:", link)]


def anchors_in(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} (.+)$", without_blocks(text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = sum(each == anchor for each in found)
        found += [anchor, f"{anchor}-{number}"] if number else [anchor]
    return set(found)

"""Words of an earlier, private language stay out of every file of the repository."""

import re
import subprocess
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.repository import ROOT

# Only words and phrases that have no technical meaning here, each with what to write instead.
GONE: Final = {
    "mend": "fix or repair",
    "mends": "fixes or repairs",
    "mended": "fixed or repaired",
    "mending": "fixing or repairing",
    "anew": "again",
    "put aside": "quarantined",
    "puts aside": "quarantines",
    "putting aside": "quarantining",
    "come again": "be delivered again",
    "comes again": "is delivered again",
    "came again": "was delivered again",
    "beside each other": "side by side, or at the same time",
    "hears of": "gets, or is subscribed to",
    "nobody is there": "stdin is not a terminal",
    "stopwatch": "benchmark",
    "rooms": "packages",
    "one room": "one package",
    "storm": "the failures by name",
    "storms": "the failures by name",
    "in this house": "in this repository",
    "at the door": "the event by name",
    "by the minute": "per minute",
    "self-guarded": "conditional",
    "heals": "recovers",
    "rubbish": "the objects by name",
    "is no port": "invalid port, and the valid range",
    "stand on the layer": "use the layer",
    "stands on the layer": "uses the layer",
    "as one likes": "any number of times, or idempotent",
    "is meant so": "the option by name",
    "whoever": "the actor by name, such as a principal or the caller",
    "beforehand": "before, and the event by name",
    "outrank": "take precedence over",
    "outranks": "takes precedence over",
    "taken up": "sent again, continued or started",
    "reckon": "compute",
    "reckoned": "computed",
    "one's own": "its own, or the user's own",
    "let go": "release",
    "lets go": "releases",
    "letting go": "releasing",
    "allergic": "raises on",
    "so manieth": "the call with the given number",
    "nesting doll": "nested",
    "stormy": "faulty",
    "planted": "inserted",
    "plants": "inserts, or writes",
    "speaks of": "names",
    "broke off": "was interrupted",
    "goes too": "is deleted too",
    "go too": "are deleted too",
    "afterglow": "highlight",
    "stretches": "what is between, by name",
    "stray": "repeated",
    "strays": "repeated records",
    "withstood": "as expected",
    "dead claim": "the claim of a killed request",
    "ballast": "filler",
    "strewn": "scattered",
    "handed on": "passed on, invalidated or replicated",
    "hands on": "passes on",
    "calm down": "end the failures",
    "spoilt": "invalid, or poison",
    "happenings": "moves or events",
    "outlived": "expired, or ended after",
    "went back": "decreased",
    "owed": "undelivered",
    "ran ahead": "is after",
    "dies": "is killed, ends or fails",
    "died": "was killed, ended or failed",
    "healed": "without failures",
}
WORDS: Final = re.compile(
    rf"(?<![\w-])({'|'.join(re.escape(word).replace(r'\ ', r'\s+') for word in GONE)})(?![\w-])",
    re.IGNORECASE,
)
# Text that is not ours: hashes of packages, recorded names, drawn glyphs, and this list.
NOT_OURS: Final = ("requirements/", "layers/imaging/requirements", "layers/shared/requirements")
SELF: Final = "tests/architecture/test_language.py"


def found(text: str) -> Iterator[tuple[int, str]]:
    """Each word that is gone, with its line; `snake_case` names are read as words."""
    for match in WORDS.finditer(text.replace("_", " ")):
        yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].lower().split())


def texts() -> Iterator[tuple[str, str]]:
    """Path and content of every text file that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if name == SELF or name.startswith(NOT_OURS) or not path.is_file():
            continue
        data = path.read_bytes()
        if b"\0" not in data:
            yield name, data.decode()


def test_words_that_are_gone_are_in_no_file():
    wrong = [
        f"{name}:{line}: {word!r}: write {GONE[word]}"
        for name, text in texts()
        for line, word in [*found(name), *found(text)]
    ]
    assert not wrong, "\n".join(["These words are gone from docs and code:", *wrong])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("first\nMended by a mended\nversion", [(2, "mended"), (2, "mended")]),
        ("what was put\n    aside", [(1, "put aside")]),
        ("def test_it_comes_again(): ...", [(1, "comes again")]),
        ("amend, recommended, a brainstorm, leaves room for", []),
    ],
)
def test_words_are_found_as_whole_words_over_lines_and_in_names(
    text: str, expected: list[tuple[int, str]]
):
    assert list(found(text)) == expected

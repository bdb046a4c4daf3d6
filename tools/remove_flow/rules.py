"""What the TOML file of a flow says: which files, parts of files and names belong to the flow."""

import re
import tomllib
from pathlib import Path
from typing import Final

import msgspec

_FOLDER: Final = Path(__file__).parent


class FileRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parts of one file that belong to the flow.

    `sections` are headings of Markdown and TOML, `definitions` are functions and constants of a
    Python module, `lines` are passages whose lines are removed, and `edits` are passages with their
    replacements, each exactly once in the file.
    """

    sections: list[str] = []
    definitions: list[str] = []
    lines: list[str] = []
    edits: list[tuple[str, str]] = []


class FlowRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that belongs to one flow, and how to see that nothing of it is left.

    `headings` are banners of template.yaml and operations.yaml. `words` is a pattern of the names
    of the flow; afterwards only the files in `history` may have them. `renamed` are names that
    stay in use, with the new names that say what they are used for then.
    """

    headings: list[str]
    delete: list[str]
    words: str
    history: list[str]
    renamed: dict[str, str]
    afterwards: list[str]
    files: dict[str, FileRules]

    @property
    def pattern(self) -> re.Pattern[str]:
        """The names of the flow."""
        return re.compile(self.words)


def flows() -> list[str]:
    """The names of the flows that can be removed."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_rules(flow: str) -> FlowRules:
    """The rules of a flow."""
    return msgspec.convert(tomllib.loads((_FOLDER / f"{flow}.toml").read_text()), FlowRules)

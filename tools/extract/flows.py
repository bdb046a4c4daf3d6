"""What flows.toml says of each flow: what its name does not say and no reference shows."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

FLOWS: Final = Path(__file__).parent / "flows.toml"


class Edit(NamedTuple):
    """A passage of a file that the extracted application has in other words."""

    file: str
    old: str
    new: str


class Pattern(NamedTuple):
    """A passage of several files that the extracted application has in other words."""

    pattern: str
    new: str


@dataclass(frozen=True)
class Flow:
    """One flow of the gallery."""

    name: str
    title: str
    description: str
    headings: tuple[str, ...]
    conditions: Mapping[str, bool]
    without: tuple[str, ...]
    outputs: tuple[str, ...]
    events: tuple[str, ...]
    files: tuple[str, ...]
    tests_left_out: Mapping[str, str]
    input: str
    output: str
    does: str
    try_it: str
    deploy: str
    left_out: tuple[str, ...]
    laptop: dict[str, str]
    edits: tuple[Edit, ...]
    patterns: tuple[Pattern, ...]
    renamed: Mapping[str, str]

    def edited(self, files: Mapping[str, str]) -> dict[str, str]:
        """The files with the edits made and the patterns replaced.

        Raises:
            ValueError: a passage is not in its file, or is there more than once.
        """
        found = dict(files)
        for file, old, new in self.edits:
            count = found[file].count(old) if file in found else 0
            if count != 1:
                raise ValueError(
                    f"flows.toml: {file} has the passage {old!r} {count} times, not once. Change"
                    " the edit to what the file says now."
                )
            found[file] = found[file].replace(old, new.replace("DESCRIPTION", self.description))
        for pattern, new in self.patterns:
            if not any(re.search(pattern, text) for text in found.values()):
                raise ValueError(f"flows.toml: no file has the pattern {pattern!r}. Remove it.")
            found = {path: re.sub(pattern, new, text) for path, text in found.items()}
        return found


def load_flows(path: Path = FLOWS) -> dict[str, Flow]:
    """All flows by name."""
    content = tomllib.loads(path.read_text())
    common = content.pop("common")
    return {name: _flow(name, each, common) for name, each in content.items()}


def _flow(name: str, given: Mapping[str, Any], common: Mapping[str, Any]) -> Flow:
    edits = [*common["edits"], *given.get("edits", ())]
    patterns = [*common["patterns"], *given.get("patterns", ())]
    return Flow(
        name=name,
        title=given["title"],
        description=given["description"],
        headings=tuple(given["headings"]),
        conditions=given.get("conditions", {}),
        without=tuple(given.get("without", ())),
        outputs=tuple(given.get("outputs", ())),
        events=tuple(given["events"]),
        files=tuple(given.get("files", ())),
        tests_left_out=given.get("tests_left_out", {}),
        input=given["input"],
        output=given["output"],
        does=given["does"],
        try_it=given.get("try_it", ""),
        deploy=given.get("deploy", common["deploy"]).strip(),
        left_out=tuple(given["left_out"]),
        laptop=given["laptop"],
        edits=tuple(Edit(**each) for each in edits),
        patterns=tuple(Pattern(**each) for each in patterns),
        renamed=common["renamed"] | given.get("renamed", {}),
    )

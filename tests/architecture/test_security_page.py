"""docs/security.md names for each attack a test that shows its defense."""

import re
from typing import Final

from tests.support.repository import ROOT

PAGE: Final = (ROOT / "docs" / "security.md").read_text()


def rows(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_attack_has_a_defense_and_a_test():
    attacks = rows("Attackers, what stops them, and what remains")
    assert len(attacks) > 15
    for attempt, defense, shown, _ in attacks:
        assert defense, attempt
        assert re.search(r"`tests/[\w/]+\.py`", shown), attempt

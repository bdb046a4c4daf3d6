"""The index of docs/decisions.md has each decision once, with a link that works."""

import re
from collections import Counter
from typing import Final

from tests.support.repository import ROOT

_TEXT: Final = (ROOT / "docs" / "decisions.md").read_text()
_DECISION: Final = re.compile(r"(?m)^## (\d{4}-\d{2}-\d{2} · (.+))$")
_INDEXED: Final = re.compile(r"(?m)^- \[(.+)\]\((#.+)\)$")


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_each_decision_is_in_the_index_once():
    index = _TEXT.partition("\n## Index by topic\n")[2].partition("\n## 20")[0]
    wanted = Counter(
        f"- [{title}](#{anchor(heading)})" for heading, title in _DECISION.findall(_TEXT)
    )
    listed = Counter(match[0] for match in _INDEXED.finditer(index))
    missing, unknown = wanted - listed, listed - wanted
    assert not missing, "\n".join(
        ["docs/decisions.md: add under a topic of 'Index by topic':", *sorted(missing)]
    )
    assert not unknown, "\n".join(
        ["docs/decisions.md: delete these lines of the index, or name a decision:", *unknown]
    )

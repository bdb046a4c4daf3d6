"""Templates of docs/snippets are valid, and the feature map names them."""

from pathlib import Path

import pytest
from cfnlint.api import lint_file

from tests.support.repository import ROOT

FOLDER = ROOT / "docs" / "snippets"
SNIPPETS = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.name)
def test_snippet_is_a_valid_template(path: Path):
    assert [str(match) for match in lint_file(path)] == []


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.name)
def test_feature_map_names_the_snippet(path: Path):
    assert f"`docs/snippets/{path.name}`" in (ROOT / "docs" / "lambda.md").read_text()

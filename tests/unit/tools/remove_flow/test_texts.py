"""Parts are removed from a text, and every other character stays."""

import re

import pytest

from tools.remove_flow.rules import FileRules
from tools.remove_flow.texts import apply_rules, without_items, without_rows, without_widgets

MARKDOWN = """\
# Page

## Report

Text.

### Detail

## Rest

About the rest.
"""
TOML = """\
[[accepted]] # one
roles = ["Report"]

[[accepted]] # two
roles = ["Api", "Report", "Views"]
"""
PYTHON = """\
KEPT = 1
# why
GONE: int = 2


@decorator
def test_gone():
    assert GONE


def test_kept():
    assert KEPT
"""


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        (MARKDOWN, FileRules(sections=["## Report"]), "# Page\n\n## Rest\n\nAbout the rest.\n"),
        (MARKDOWN, FileRules(sections=["### Detail"]), MARKDOWN.replace("### Detail\n\n", "")),
        (MARKDOWN, FileRules(sections=["## Rest"]), MARKDOWN.partition("\n## Rest")[0]),
        (
            TOML,
            FileRules(sections=["[[accepted]] # one"]),
            TOML[TOML.index("[[accepted]] # two") :],
        ),
        (MARKDOWN, FileRules(lines=["Text."]), MARKDOWN.replace("Text.\n", "")),
        (MARKDOWN, FileRules(edits=[("About the", "The")]), MARKDOWN.replace("About the", "The")),
        (
            PYTHON,
            FileRules(definitions=["GONE", "test_gone"]),
            "KEPT = 1\n\n\n\n\ndef test_kept():\n    assert KEPT\n",
        ),
    ],
)
def test_part_of_a_file_is_removed(text: str, rules: FileRules, expected: str):
    assert apply_rules(text, rules) == expected


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        (FileRules(sections=["## Other"]), "no section '## Other'"),
        (FileRules(lines=["other"]), "no line with 'other'"),
        (FileRules(edits=[("other", "")]), "the passage 'other' 0 times"),
        (FileRules(edits=[("Re", "")]), "the passage 'Re' 2 times"),
    ],
)
def test_part_that_is_not_there_is_named(rules: FileRules, fault: str):
    with pytest.raises(ValueError, match=fault):
        apply_rules(MARKDOWN, rules)


def test_definition_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="does not define OTHER"):
        apply_rules(PYTHON, FileRules(definitions=["OTHER"]))


def test_names_are_removed_from_lists_and_empty_lists_with_their_table():
    expected = '[[accepted]] # two\nroles = ["Api", "Views"]\n'
    assert without_items(TOML, {"Report"}) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("| It. | `s3:Get` | `B/*` | `ReportRole` |\n", "| It. | `s3:Get` | `B/*` |  |\n"),
        ("| It. | `s3:Get` | `B`, `Report/*` | |\n", "| It. | `s3:Get` | `B` | |\n"),
        ("| It. | `s3:Get` | `Report/*` | |\n", ""),
        ("| It. | `s3:Get` | `*` | `Report` |\n", "| It. | `s3:Get` | `*` |  |\n"),
        ("| Report. | `Report` |\n", "| Report. | `Report` |\n"),
    ],
)
def test_names_are_removed_from_rows_and_rows_without_a_resource_are_removed(
    row: str, expected: str
):
    assert without_rows(row, {"Report", "ReportRole"}) == expected


def widget(title: str, x: int, y: int, height: int) -> str:
    return (
        f'          {{"type": "metric", "x": {x}, "y": {y}, "width": 12, "height": {height},'
        f' "properties": {{\n            "title": "{title}"\n          }}}},\n'
    )


def dashboard(*widgets: str) -> str:
    return "[\n" + "".join(widgets).removesuffix(",\n") + "\n        ]\n"


def test_widgets_below_removed_ones_move_up():
    given = dashboard(widget("api", 0, 0, 6), widget("report", 0, 6, 1), widget("views", 0, 7, 6))
    expected = dashboard(widget("api", 0, 0, 6), widget("views", 0, 6, 6))
    assert without_widgets(given, re.compile("report")) == expected


def test_last_widget_leaves_no_comma():
    given = dashboard(widget("api", 0, 0, 6), widget("report", 0, 6, 1))
    assert without_widgets(given, re.compile("report")) == dashboard(widget("api", 0, 0, 6))


def test_dashboard_without_a_widget_of_the_flow_is_refused():
    with pytest.raises(ValueError, match="no widget"):
        without_widgets(dashboard(widget("api", 0, 0, 6)), re.compile("report"))

"""Cuts leave every other character as it was."""

from textwrap import dedent

import pytest

from tools.extract.yaml_text import (
    Place,
    block,
    compose,
    remove,
    replace,
    source,
    with_headings,
    without_empty_sections,
)

TEXT = dedent("""\
    Metadata:
      Shared:
        Table: &table {BillingMode: PAY_PER_REQUEST}

    Resources:
      # ── Views ──────────

      # Why there is one.
      ViewsTable: # counts
        <<: *table
        Keys:
          - one   # first
          # about the second
          - two

      LogGroup: *table

      # ── Report ─────────
      # About all of it.

      Bucket: {Type: S3, Tags: [a, b, c]}
    Outputs:
      Name: !Sub |
        # not a comment
        ${Bucket}
    """)


def place(*keys: str, item: int | None = None) -> Place:
    found = compose(TEXT).find(*keys)
    assert found
    return found if item is None else list(found.children())[item]


def without(*lines: str) -> str:
    """The text without these lines, each of which it has once."""
    kept = TEXT.splitlines(keepends=True)
    for line in lines:
        [found] = [each for each in kept if each.strip() == line]
        kept.remove(found)
    return "".join(kept)


def test_resource_is_removed_with_the_comment_above_it_and_one_blank_line():
    gone = TEXT[TEXT.index("  # Why") : TEXT.index("  LogGroup")]
    assert remove(TEXT, place("Resources", "ViewsTable")) == TEXT.replace(gone, "")


def test_resource_that_is_an_alias_is_one_line():
    gone = "  LogGroup: *table\n\n"
    assert remove(TEXT, place("Resources", "LogGroup")) == TEXT.replace(gone, "")


def test_item_is_removed_with_its_comment():
    expected = without("# about the second", "- two")
    assert remove(TEXT, place("Resources", "ViewsTable", "Keys", item=1)) == expected


def test_collection_that_would_be_empty_is_removed():
    expected = TEXT.replace(
        "  Shared:\n    Table: &table {BillingMode: PAY_PER_REQUEST}\n", ""
    ).replace("Metadata:\n\n", "")
    assert remove(TEXT, place("Metadata", "Shared", "Table")) == expected


@pytest.mark.parametrize(("item", "rest"), [(0, "[b, c]"), (1, "[a, c]"), (2, "[a, b]")])
def test_item_within_brackets_is_removed_with_its_comma(item: int, rest: str):
    expected = TEXT.replace("[a, b, c]", rest)
    assert remove(TEXT, place("Resources", "Bucket", "Tags", item=item)) == expected


def test_several_entries_are_removed_at_once():
    both = [place("Resources", "ViewsTable"), place("Resources", "LogGroup")]
    gone = TEXT[TEXT.index("  # Why") : TEXT.index("  # ── Report")]
    assert remove(TEXT, *both) == TEXT.replace(gone, "")


def test_root_is_not_removed():
    with pytest.raises(ValueError, match="the root"):
        remove(TEXT, compose(TEXT))


def test_value_is_replaced_and_the_comment_behind_it_stays():
    first = place("Resources", "ViewsTable", "Keys", item=0)
    assert replace(TEXT, first, "1") == TEXT.replace("- one   # first", "- 1   # first")


def test_source_of_a_block_ends_with_its_last_line():
    keys = place("Resources", "ViewsTable", "Keys")
    assert source(TEXT, keys.node).splitlines()[-1].strip() == "- two"
    name = place("Outputs", "Name")
    assert source(TEXT, name.node).endswith("# not a comment\n    ${Bucket}")


def test_block_begins_in_the_first_column():
    text = "A:\n  - Fn::If:\n      - B\n      - Sid: C # why\n        Action: D\n      - E\n"
    chosen = next(each for each in compose(text).walk() if each.key == "Sid").parent
    assert chosen
    assert block(text, chosen) == ["Sid: C # why", "Action: D"]


def test_node_of_an_alias_is_visited_once():
    walked = [each for each in compose(TEXT).walk() if each.key == "BillingMode"]
    assert len(walked) == 1


def test_banner_without_entries_is_removed_with_its_comment():
    text = remove(TEXT, place("Resources", "Bucket"))
    assert without_empty_sections(text) == TEXT.replace(
        TEXT[TEXT.index("  # ── Report") : TEXT.index("Outputs")], ""
    )
    text = remove(TEXT, place("Resources", "ViewsTable"), place("Resources", "LogGroup"))
    assert "── Views" not in without_empty_sections(text)
    assert "── Report" in without_empty_sections(text)


def test_banner_keeps_its_width():
    text = with_headings(TEXT, {"Views": "Counts of views"})
    assert "  # ── Counts of views \n" in text or "  # ── Counts of views" in text
    assert text.replace("  # ── Counts of views", "", 1).count("\n") == TEXT.count("\n")
    long = with_headings("# -- One -----------\n", {"One": "Two 2"})
    assert long == "# -- Two 2 ---------\n"

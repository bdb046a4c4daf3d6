"""Edits of flows.toml fit the files, or say so."""

import dataclasses

import pytest

from tools.extract.flows import Edit, Pattern, load_flows

VIEWS = dataclasses.replace(load_flows()["views"], edits=(), patterns=(), description="Counts.")


def test_passage_is_replaced():
    flow = dataclasses.replace(VIEWS, edits=(Edit("a", "old", "DESCRIPTION"),))
    assert flow.edited({"a": "an old text", "b": "old"}) == {"a": "an Counts. text", "b": "old"}


@pytest.mark.parametrize("text", ["new", "old and old"])
def test_passage_that_is_not_there_once_is_named(text: str):
    flow = dataclasses.replace(VIEWS, edits=(Edit("a", "old", "new"),))
    with pytest.raises(ValueError, match=r"a has the passage 'old' [02] times"):
        flow.edited({"a": text})


def test_pattern_is_replaced_in_all_files():
    flow = dataclasses.replace(VIEWS, patterns=(Pattern(r"v\d", "v"),))
    assert flow.edited({"a": "v1", "b": "v2"}) == {"a": "v", "b": "v"}
    with pytest.raises(ValueError, match="no file has the pattern"):
        flow.edited({"a": "none"})

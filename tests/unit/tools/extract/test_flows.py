"""Edits of flows.toml fit the files, or say so."""

import dataclasses
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tools.extract.application import application
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


@pytest.mark.parametrize("name", load_flows())
def test_tests_of_a_flow_get_the_data_that_they_name(name: str):
    written = application(ROOT, load_flows()[name], "my-app").keys()
    tests = [path for path in written if path.parts[0] == "tests" and path.suffix == ".py"]
    texts = [(ROOT / path).read_text() for path in tests]
    named = {
        folder / file.name
        for folder in (Path("tests", "data"), Path("events"))
        for file in (ROOT / folder).iterdir()
        if any(f'"{file.name}"' in text for text in texts)
    }
    missing = {str(path) for path in named - written}
    assert not missing, f"add {missing} to files or events of {name} in flows.toml"

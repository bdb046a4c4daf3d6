"""tools/remove_flow/report.toml fits the repository as it is."""

import ast
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tools.extract.flows import load_flows
from tools.extract.template import extract_template
from tools.remove_flow.__main__ import text_files
from tools.remove_flow.removal import Removal, RemovalError, remove_flow
from tools.remove_flow.rules import load_rules


@pytest.fixture(scope="module")
def removal() -> Removal:
    try:
        return remove_flow(text_files(ROOT), load_rules("report"))
    except RemovalError as error:
        pytest.fail(f"tools/remove_flow/report.toml: {error}", pytrace=False)


def test_everything_of_the_report_is_deleted(removal: Removal):
    assert {
        "functions/daily_report/handler.py",
        "permissions/daily_report.yaml",
        "permissions/reports_bucket.yaml",
        "permissions/schedule_failures_queue.yaml",
        "docs/flows/report.md",
    } <= set(removal.deleted)


def test_python_that_is_left_can_be_parsed(removal: Removal):
    for path, text in removal.written.items():
        if path.endswith(".py"):
            ast.parse(text, path)


def test_other_flows_can_still_be_extracted(removal: Removal, tmp_path: Path):
    files = text_files(ROOT) | removal.written
    flows = tmp_path / "flows.toml"
    flows.write_text(files["tools/extract/flows.toml"])
    left = {path: files[path] for path in files.keys() - set(removal.deleted)}
    templates = {path: text for path, text in left.items() if path.endswith(".yaml")}
    for flow in load_flows(flows).values():
        assert extract_template(templates, flow).resources

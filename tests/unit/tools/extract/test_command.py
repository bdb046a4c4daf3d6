"""`python -m tools.extract` as a person runs it."""

from pathlib import Path

import pytest

from tools.extract import __main__ as command
from tools.extract.flows import load_flows


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["extract", *arguments])
    return command.main()


def test_unknown_flow_is_told_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    assert run(monkeypatch, "view", str(tmp_path / "mine")) == 1
    output = capsys.readouterr().err
    assert output == f"extract: there is no flow 'view': expected {', '.join(load_flows())}\n"
    assert list(tmp_path.iterdir()) == []


def test_flow_is_written_with_what_a_team_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    assert run(monkeypatch, "views", str(tmp_path / "my-app")) == 0
    assert "my-app/README.md says what it is" in capsys.readouterr().out
    written = {
        str(path.relative_to(tmp_path / "my-app"))
        for path in (tmp_path / "my-app").rglob("*")
        if path.is_file()
    }
    assert {
        "README.md",
        "LICENSE",
        "samconfig.toml",
        "template.yaml",
        "functions/view_counter/handler.py",
        "layers/shared/quarantine.py",
        "layers/shared/requirements.txt",
        "layers/build/layer.mk",
        "permissions/view_counter.yaml",
        "events/kinesis_views_recorded.json",
        "tests/unit/functions/view_counter/test_counting.py",
        "tests/integration/functions/view_counter/test_batches.py",
        "tests/conftest.py",
        "tests/support/moto_stack.py",
        "fakes/view_records.py",
        "requirements/tests.txt",
        "try_it/__main__.py",
    } <= written
    assert not [name for name in written if "thumbnailer" in name or "security_headers" in name]
    assert 'stack_name = "my-app"' in (tmp_path / "my-app/samconfig.toml").read_text()
    assert list(tmp_path.iterdir()) == [tmp_path / "my-app"]

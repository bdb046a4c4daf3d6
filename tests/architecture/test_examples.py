"""The form that all examples share, so that `cp -r` of a folder is a start of one's project."""

import ast
import json
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

from tests.support.repository import ROOT

FOLDER: Final = ROOT / "examples"
EXAMPLES: Final = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
OF_THE_GALLERY: Final = {path.parent.name for path in ROOT.glob("*/*.py")} | {
    path.parent.name for root in ("functions", "layers") for path in ROOT.glob(f"{root}/*/*.py")
}
PINNED: Final = re.compile(r"([\w.-]+)==(\S+)")


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def modules(name: str) -> list[Path]:
    """The modules of an example, without those that sam has installed."""
    found = (FOLDER / name).rglob("*.py")
    return sorted(path for path in found if ".aws-sam" not in path.parts)


def pins(path: Path) -> dict[str, str]:
    """The pinned packages of a requirements file; others are not in it."""
    return {
        found[1]: found[2] for found in map(PINNED.match, path.read_text().splitlines()) if found
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_complete(name: str):
    folder = FOLDER / name
    for file in ("README.md", "template.yaml", "pyproject.toml"):
        assert (folder / file).is_file(), f"examples/{name} has no {file}"
    assert list(folder.glob("tests/test_*.py")), "no unit tests"
    events = list(folder.glob("events/*.json"))
    assert events, "no sample events"
    for event in events:
        json.loads(event.read_text())
    test = f"tests/examples/test_{name.replace('-', '_')}.py"
    assert (ROOT / test).is_file(), f"no {test}, which runs it on a laptop cloud"


@pytest.mark.parametrize("name", EXAMPLES)
def test_readme_says_how_to_copy_the_folder(name: str):
    introduction = (FOLDER / name / "README.md").read_text().partition("\n## ")[0]
    assert f"`cp -r examples/{name} ../my-app`" in introduction


@pytest.mark.parametrize("name", EXAMPLES)
def test_sample_events_that_the_readme_invokes_have_a_test(name: str):
    if "localcloud invoke" in (FOLDER / name / "README.md").read_text():
        test = ROOT / "tests" / "examples" / f"test_{name.replace('-', '_')}.py"
        assert "documented_answers(" in test.read_text(), f"{test} does not test the answers"


@pytest.mark.parametrize("name", EXAMPLES)
def test_template_and_functions_are_short(name: str):
    assert lines(FOLDER / name / "template.yaml") <= 150
    for path in modules(name):
        if "tests" not in path.relative_to(FOLDER / name).parts:
            assert lines(path) <= 60, path


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_needs_nothing_of_the_gallery(name: str):
    own = {path.stem for path in modules(name)} | {path.parent.name for path in modules(name)}
    for path in modules(name):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Import(names=names):
                    imported = [alias.name for alias in names]
                case ast.ImportFrom(module=str(module)):
                    imported = [module]
                case _:
                    continue
            roots = {each.partition(".")[0] for each in imported}
            assert not roots & (OF_THE_GALLERY - own), path
    template = (FOLDER / name / "template.yaml").read_text()
    assert "../" not in template, "the template names a file outside of its folder"


@pytest.mark.parametrize("name", EXAMPLES)
def test_requirements_are_the_pinned_versions_that_the_unit_tests_use(name: str):
    ours = pins(ROOT / "requirements" / "dev.txt")
    for path in (FOLDER / name).rglob("requirements.txt"):
        text = path.read_text().splitlines()
        assert len(pins(path)) == len([line for line in text if line and not line.startswith("#")])
        assert pins(path).items() <= ours.items(), f"{path}: other versions than dev.txt"


@pytest.mark.parametrize("name", EXAMPLES)
def test_mypy_is_strict(name: str):
    settings = tomllib.loads((FOLDER / name / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["strict"] is True
    checked = [FOLDER / name / each for each in settings["files"]]
    for path in modules(name):
        assert any(path.is_relative_to(each) for each in checked), path


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_in_the_table_and_in_the_feature_map(name: str):
    table = (FOLDER / "README.md").read_text()
    assert f"| [{name}]({name}/README.md) |" in table, "examples/README.md has no row"
    feature_map = (ROOT / "docs" / "lambda.md").read_text()
    assert f"`examples/{name}/" in feature_map, "no row of docs/lambda.md names a file of it"

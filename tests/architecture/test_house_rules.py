"""The map of the house, held by machine: what is where, what it is called, whom it may import."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack import ROOT, load_template

TEMPLATE = load_template()
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())
# Lambda@Edge gives its functions no environment, so there are no settings to read.
CONFIGURED = [name for name in FUNCTIONS if name != "edge_headers"]
ROOMS = {"localcloud", "demo", "ops", "bench", "tests"}
# Where configuration and clients are made: the handler, or beside it for the API's routes.
DOORS = {"handler.py", "environment.py", "resources.py", "settings.py"}


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Dotted names of the modules that a file imports when it runs."""
    tree = ast.parse(path.read_text())
    type_checking = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in type_checking:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides the room it reaches into"
            yield node.module or ""


def resource_of(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_")) + "Function"


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()]


def test_every_function_of_the_template_has_its_folder_and_the_other_way_round():
    in_template = {
        name
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert in_template == {resource_of(folder) for folder in FUNCTIONS}


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_function_is_named_for_its_folder_and_documented(folder: str):
    properties = TEMPLATE["Resources"][resource_of(folder)]["Properties"]
    assert properties["CodeUri"] == f"functions/{folder}"
    assert properties["Handler"] == f"{folder}.handler.handler"
    assert "FunctionName" not in properties, "a fixed name forbids a second stack"
    assert properties["Description"]
    assert f"| `{folder}` |" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("folder", CONFIGURED)
def test_settings_are_what_the_template_declares(folder: str):
    """Each function gets its own variables and no others; Powertools and the SDK read theirs."""
    declared = TEMPLATE["Resources"][resource_of(folder)]["Properties"]["Environment"]["Variables"]
    own = {name for name in declared if not name.startswith("POWERTOOLS_")}
    [settings] = [
        node
        for path in files(f"functions/{folder}")
        if path.name in DOORS
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    ]
    fields = {ast.unparse(node.target) for node in settings.body if isinstance(node, ast.AnnAssign)}
    assert {field.upper() for field in fields} == own
    assert declared["POWERTOOLS_SERVICE_NAME"] == folder


def test_functions_import_no_other_function_and_nothing_that_stays_behind():
    for path in files("functions"):
        own = path.relative_to(ROOT / "functions").parts[0]
        others = {name for name in FUNCTIONS if name != own}
        reached = {name.split(".")[0] for name in imported(path)}
        assert not reached & (others | ROOMS), path


def test_shared_imports_no_function_and_nothing_that_stays_behind():
    for path in files("layers"):
        assert not {name.split(".")[0] for name in imported(path)} & {*FUNCTIONS, *ROOMS}, path


def test_clients_environment_and_clock_are_met_at_the_door_only():
    for path in files("functions"):
        if path.name in DOORS:
            continue
        assert "boto3" not in {name.split(".")[0] for name in imported(path)}, path
        text = path.read_text()
        assert "os.environ" not in text, path
        assert not re.search(r"datetime\.now|time\.time\(", text), f"{path} reads the clock"


def test_the_layer_keeps_the_models_of_exactly_the_services_that_deployed_code_calls():
    called = {
        service
        for path in files("functions", "layers")
        for service in re.findall(r"boto3\.client\(\s*\"([\w-]+)\"", path.read_text())
    }
    kept = re.search(
        r"^SDK_SERVICES := (.+)$", (ROOT / "layers/layer.mk").read_text(), re.MULTILINE
    )
    assert kept
    assert set(kept[1].split()) == called


def test_no_utils_and_no_index_addresses():
    names = {path.stem for path in tracked()}
    assert not names & {"utils", "util", "helpers", "common", "misc"}
    for path in tracked():
        if "requirements" in str(path):
            assert not re.search(r"index-url|find-links|://", path.read_text()), path

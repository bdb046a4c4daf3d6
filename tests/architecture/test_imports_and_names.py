"""The layout of the repository, its names, and which package may import which."""

import ast
import graphlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import ROOT, load_template
from tools.extract.python_files import executed_imports

TEMPLATE = load_template()
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())
# Lambda@Edge gives its functions no environment, so there are no settings to read.
CONFIGURED = [name for name in FUNCTIONS if name != "edge_headers"]
NOT_DEPLOYED = {"localcloud", "demo", "ops", "tools", "bench", "fakes", "tests"}
# What code that is not deployed may import of the repository's own packages.
MAY_IMPORT = {
    "localcloud": {"localcloud"},
    "ops": {"ops", "tools", "shared"},
    "tools": {"tools", "shared", "gallery_api"},
    "demo": {"demo", "localcloud", "ops", "shared"},
    "fakes": {"fakes", "localcloud", "shared", *FUNCTIONS},
    "bench": {"bench", "demo", "fakes", "localcloud", "shared", *FUNCTIONS},
}
# Where configuration, clients and clock come from; the rest of a function gets them as arguments.
ENTRY_FILES = {"handler.py", "resources.py", "settings.py"}


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Dotted names of the modules that a file imports when it runs."""
    for node in executed_imports(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
            continue
        assert node.level == 0, (
            f"{path}: write the full name instead of a relative import, which hides the package"
            f" that it reaches."
        )
        yield node.module or ""


def modules() -> dict[str, Path]:
    """The repository's modules by dotted name, as `pythonpath` in pyproject.toml finds them."""
    roots = {"functions": ROOT / "functions", "layers": ROOT / "layers"}
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for folder in ("functions", "layers", *sorted(NOT_DEPLOYED))
        for root in [roots.get(folder, ROOT)]
        for path in files(folder)
    }


def imported_modules(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of `known` that a file imports, also those for types."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in known else str(node.module))
    return found & known.keys()


def resource_of(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_")) + "Function"


def environment_variables(folder: str) -> dict[str, Any]:
    function = TEMPLATE["Resources"].get(resource_of(folder), {}).get("Properties", {})
    return dict(function.get("Environment", {}).get("Variables", {}))


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
    assert in_template == {resource_of(folder) for folder in FUNCTIONS}, (
        "Left: functions of template.yaml, right: those that the folders in functions/ name. The"
        " folder view_counter belongs to ViewCounterFunction: rename or add what differs."
    )


@pytest.mark.parametrize("folder", FUNCTIONS)
def test_function_is_named_for_its_folder_and_documented(folder: str):
    name = resource_of(folder)
    assert name in TEMPLATE["Resources"], (
        f"functions/{folder} has no {name} in template.yaml: add it."
    )
    properties = TEMPLATE["Resources"][name]["Properties"]
    for setting, value in (
        ("CodeUri", f"functions/{folder}"),
        ("Handler", f"{folder}.handler.handler"),
    ):
        assert properties.get(setting) == value, f"{name}: set {setting} to {value}."
    assert "FunctionName" not in properties, (
        f"{name}: remove FunctionName; a fixed name prevents a second stack in the account."
    )
    assert properties.get("Description"), f"{name}: say in Description what the function does."
    assert f"| `{folder}` |" in (ROOT / "README.md").read_text(), (
        f"README.md's table of functions has no row for `{folder}`: add it."
    )


@pytest.mark.parametrize("folder", CONFIGURED)
def test_settings_are_what_the_template_declares(folder: str):
    """Each function gets its own variables and no others; Powertools and the SDK read theirs."""
    name = resource_of(folder)
    declared = environment_variables(folder)
    assert declared.get("POWERTOOLS_SERVICE_NAME") == folder, (
        f"{name}: set POWERTOOLS_SERVICE_NAME to {folder} under Environment; logs and metrics carry"
        f" it as service."
    )
    own = {name for name in declared if not name.startswith("POWERTOOLS_")}
    classes = [
        node
        for path in files(f"functions/{folder}")
        if path.name in ENTRY_FILES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    ]
    assert len(classes) == 1 or not (classes or own), (
        f"functions/{folder} declares {len(classes)} classes Settings in {sorted(ENTRY_FILES)}."
        f" Declare one with the fields {sorted(each.lower() for each in own)}."
    )
    fields = {
        ast.unparse(node.target)
        for settings in classes
        for node in settings.body
        if isinstance(node, ast.AnnAssign)
    }
    assert {field.upper() for field in fields} == own, (
        f"Left: fields of Settings in functions/{folder}, right: variables of {name} in"
        f" template.yaml. Each function gets the variables that it reads, and no other."
    )


def test_functions_import_no_other_function_and_nothing_that_is_not_deployed():
    for path in files("functions"):
        own = path.relative_to(ROOT / "functions").parts[0]
        others = {name for name in FUNCTIONS if name != own}
        reached = {name.split(".")[0] for name in imported(path)} & (others | NOT_DEPLOYED)
        assert not reached, (
            f"{path} imports {sorted(reached)}. A function imports its own package and shared only:"
            f" move what two functions use to layers/shared."
        )


def test_shared_imports_no_function_and_nothing_that_is_not_deployed():
    for path in files("layers"):
        reached = {name.split(".")[0] for name in imported(path)} & {*FUNCTIONS, *NOT_DEPLOYED}
        assert not reached, (
            f"{path} imports {sorted(reached)}. Layers import no function and nothing that is not"
            f" deployed: pass in what they need."
        )


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_code_that_is_not_deployed_imports_only_what_it_may(folder: str):
    own = {"shared", *FUNCTIONS, *NOT_DEPLOYED}
    for path in files(folder):
        reached = own & {name.split(".")[0] for name in imported(path)} - MAY_IMPORT[folder]
        assert not reached, f"{path} imports {sorted(reached)}: pass in what it needs of them."


def test_no_modules_import_each_other_in_a_circle():
    known = modules()
    sorter = graphlib.TopologicalSorter(
        {name: imported_modules(path, known) - {name} for name, path in known.items()}
    )
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = " imports ".join(reversed(error.args[1]))
        pytest.fail(f"{circle}: move what both need to a module of its own.")


def test_no_class_has_the_name_of_another_class():
    """A name that two modules define sends a reader into the wrong one."""
    named: dict[str, list[str]] = {}
    for path in modules().values():
        if path.is_relative_to(ROOT / "tests"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                named.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    shared_names = {name: sorted(paths) for name, paths in named.items() if len(paths) > 1}
    # Each function has settings, and no module uses those of another function.
    settings = shared_names.pop("Settings")
    assert all(path.startswith("functions/") for path in settings), settings
    assert not shared_names, f"{shared_names}: give each class a name of its own."


def test_laptop_cloud_names_nothing_of_the_gallery():
    """It runs any SAM template: demo/ passes in what is the gallery's."""
    variables = {name for folder in CONFIGURED for name in environment_variables(folder)}
    words_of_aws = {"ApiId", "Distribution", "DistributionId", "Stage"}
    names = {*FUNCTIONS, *TEMPLATE["Resources"], *TEMPLATE["Outputs"], *variables} - words_of_aws
    words = re.compile(rf"\b(?:{'|'.join(sorted(names))})\b|(?i:gallery|photo|thumbnail)")
    for path in files("localcloud"):
        found = words.findall(path.read_text())
        assert not found, f"{path} names {found}: localcloud/ runs any application"


def test_only_entry_files_make_clients_and_read_environment_and_clock():
    for path in files("functions"):
        if path.name in ENTRY_FILES:
            continue
        remedy = f"Do so in one of {sorted(ENTRY_FILES)}, and pass the value in."
        text = path.read_text()
        assert "botocore.session" not in set(imported(path)), f"{path} makes a client. {remedy}"
        assert "os.environ" not in text, f"{path} reads the environment. {remedy}"
        clock = re.search(r"datetime\.now|time\.time\(", text)
        assert not clock, f"{path} reads the clock. {remedy}"


def test_no_utils_and_no_index_addresses():
    for path in tracked():
        assert path.stem not in {"utils", "util", "helpers", "common", "misc"}, (
            f"{path}: name the module for what it does."
        )
        if "requirements" in str(path):
            assert not re.search(r"index-url|find-links|://", path.read_text()), (
                f"{path} names a package index. Remove it: each machine has its own."
            )


@pytest.mark.parametrize("tier", ["unit", "integration"])
def test_tests_have_the_path_of_what_they_test(tier: str):
    for path in (ROOT / "tests" / tier).rglob("test_*.py"):
        folder = path.parent.relative_to(ROOT / "tests" / tier)
        assert folder.parts, f"{path}: move it to tests/{tier}/<folder of what it tests>/"
        assert (ROOT / folder).is_dir(), f"{path}: there is no folder {folder} that it tests"
        assert not path.stem.startswith(f"test_{folder.name}_"), f"{path} repeats its folder's name"

"""Everything that the application of a flow consists of, by its path there."""

import re
from pathlib import Path
from typing import Final

from tools.extract.flows import Flow
from tools.extract.python_files import Imports, functions_of, imports
from tools.extract.readme import readme
from tools.extract.requirements import direct_requirements, pinned_requirements
from tools.extract.template import TEMPLATE, ExtractedTemplate, extract_template

type Content = str | Path
"""A text, or the file of the repository whose copy it is."""

_AS_THEY_ARE: Final = (".gitignore", ".python-version", "LICENSE")
_PARTS: Final = "tools/extract/parts"
_TRY_IT: Final = "tools/extract/try_it"
_STAYS_BEHIND: Final = {"bench", "demo", "localcloud", "ops"}
# What runs the tests and sam, beside the packages that the tests import.
_TOOLS: Final = ("cfnlint", "pytest", "pytest_socket", "pytest_timeout", "samcli", "xdist")


def application(repository: Path, flow: Flow, name: str) -> dict[Path, Content]:
    """The files of the flow's application, whose folder is called `name`.

    Raises:
        ValueError: what flows.toml says of the flow does not fit the repository.
    """
    template = extract_template(template_files(repository), flow)
    functions = _functions(template)
    layers = {
        each.name.removesuffix("Layer").lower()
        for each in template.resources.values()
        if each.type == "AWS::Serverless::LayerVersion"
    }
    code = imports(repository, _code(repository, functions))
    tests, left = _tests(repository, flow, functions, code)
    needed = imports(repository, [*code.files, *tests])
    try_it = _try_it(repository, flow)
    found: dict[Path, Content] = {Path(path): text for path, text in template.files.items()}
    found |= {path: repository / path for path in needed.files}
    for folder in functions:
        found |= _folder(repository, Path("functions") / folder)
    for layer in layers:
        for file in ("requirements.in", "requirements.txt"):
            path = Path("layers") / layer / file
            found[path] = repository / path
    if layers:
        found |= _folder(repository, Path("layers/build"))
    for pattern in (*(f"events/{each}" for each in flow.events), *flow.files):
        matching = [path.relative_to(repository) for path in repository.glob(pattern)]
        if not matching:
            raise ValueError(f"flows.toml: no file of {flow.name} is named {pattern}")
        found |= {path: repository / path for path in matching}
    found |= try_it
    found |= {Path(each): repository / each for each in _AS_THEY_ARE}
    found |= _requirements(repository, needed, layers)
    found[Path("samconfig.toml")] = _samconfig((repository / "samconfig.toml").read_text(), name)
    pyproject = (repository / _PARTS / "pyproject.toml").read_text()
    found[Path("pyproject.toml")] = pyproject.replace("NAME", name)
    found[Path("README.md")] = readme(flow, template, name, functions, left)
    return found


def template_files(repository: Path) -> dict[str, str]:
    paths = [*repository.glob("*.yaml"), *(repository / "permissions").glob("*.yaml")]
    return {str(path.relative_to(repository)): path.read_text() for path in sorted(paths)}


def _functions(template: ExtractedTemplate) -> list[str]:
    return sorted(
        re.findall(r"^ +CodeUri: functions/(\w+)$", template.files[TEMPLATE], re.MULTILINE)
    )


def _code(repository: Path, functions: list[str]) -> list[Path]:
    return [
        path.relative_to(repository)
        for folder in functions
        for path in sorted((repository / "functions" / folder).rglob("*.py"))
    ]


def _folder(repository: Path, folder: Path) -> dict[Path, Content]:
    paths = [path for path in (repository / folder).rglob("*") if path.is_file()]
    return {path.relative_to(repository): path for path in paths if "__pycache__" not in path.parts}


def _tests(
    repository: Path, flow: Flow, functions: list[str], code: Imports
) -> tuple[list[Path], dict[str, str]]:
    """The tests of the flow, and those that are left out, with the reason."""
    folders = [
        folder
        for tier in ("unit", "integration")
        for each in functions
        if (folder := repository / "tests" / tier / "functions" / each).is_dir()
    ]
    found: list[Path] = []
    left: dict[str, str] = dict(flow.tests_left_out)
    tests = [path for folder in folders for path in sorted(folder.rglob("test_*.py"))]
    tests += [
        path
        for path in sorted((repository / "tests/unit/layers/shared").glob("test_*.py"))
        if Path("layers/shared", path.name.removeprefix("test_")) in code.files
    ]
    for absolute in tests:
        path = absolute.relative_to(repository)
        if str(path) in left:
            continue
        reached = imports(repository, [path]).files
        others = functions_of(reached) - set(functions)
        others |= {each.parts[0] for each in reached} & _STAYS_BEHIND
        if others:
            left[str(path)] = f"needs {', '.join(sorted(others))}"
        else:
            found.append(path)
    return [*found, *_conftests(repository, found)], left


def _conftests(repository: Path, tests: list[Path]) -> list[Path]:
    folders = {folder for path in tests for folder in path.parents}
    paths = sorted(folder / "conftest.py" for folder in folders)
    return [path for path in paths if (repository / path).is_file()]


def _try_it(repository: Path, flow: Flow) -> dict[Path, Content]:
    """The module of the flow as `python -m try_it`, with the modules that it imports."""
    own = Path(_TRY_IT, f"{flow.name}.py")
    found: dict[Path, Content] = {}
    for path in imports(repository, [own]).files:
        if path.is_relative_to(_TRY_IT):
            target = Path("try_it", "__main__.py" if path == own else path.name)
            text = (repository / path).read_text()
            found[target] = text.replace("tools.extract.try_it", "try_it")
    return found


def _requirements(repository: Path, needed: Imports, layers: set[str]) -> dict[Path, Content]:
    development = (repository / "requirements/dev.in").read_text().splitlines()
    of_layers = {
        layer: (repository / "layers" / layer / "requirements.in").read_text().splitlines()
        for layer in ("imaging", "shared")
    }
    names = {*needed.packages, *_TOOLS}
    direct = direct_requirements(development, names)
    lines = ["# What the tests and sam need, beside the requirements of the layers."]
    for layer, requirements in of_layers.items():
        if layer in layers:
            lines += [f"-r ../layers/{layer}/requirements.in"]
            lines += [f"-c ../layers/{layer}/requirements.txt"]
            direct += [line.partition("#")[0].strip() for line in requirements]
        else:
            own = direct_requirements(requirements, names)
            lines += own
            direct += [line.partition("#")[0].strip() for line in own]
    direct = [line for line in direct if line]
    lines += direct_requirements(development, names)
    locked = (repository / "requirements/dev.txt").read_text()
    pinned = pinned_requirements(locked, direct)
    return {
        Path("requirements/tests.in"): "\n".join(lines) + "\n",
        Path("requirements/tests.txt"): _COMPILE + pinned,
    }


_COMPILE: Final = (
    "# From tests.in, as `uv pip compile --universal --python-version 3.13 --generate-hashes"
    " --no-annotate` writes it.\n"
)


def _samconfig(text: str, name: str) -> str:
    """The settings of the stages dev and prod, for stacks with the name of the application."""
    text = text.partition("# The laptop cloud")[0].rstrip() + "\n"
    return text.replace("lambda-gallery", name)

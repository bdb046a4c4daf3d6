"""Which Python files a flow needs: what its functions and tests import of the repository."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# Where `pythonpath` of pytest finds packages, and the folders that are packages themselves.
_ROOTS: Final = ("functions", "layers", ".")
_PACKAGES: Final = ("tests", "fakes", "tools", "localcloud", "ops", "demo", "bench")


@dataclass
class Imports:
    """The files that some files need, and the top-level packages of others that they import."""

    files: set[Path] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)


def imports(repository: Path, files: Iterable[Path]) -> Imports:
    """The files themselves and all that they import; paths are relative to the repository."""
    found = Imports()
    todo = list(files)
    while todo:
        path = todo.pop()
        if path in found.files:
            continue
        found.files.add(path)
        todo += _initializers(repository, path)
        tree = ast.parse((repository / path).read_text())
        for name in _imported(tree):
            if module := _module(repository, name):
                todo.append(module)
            elif not _is_own(repository, name):
                found.packages.add(name.partition(".")[0])
    return found


def _initializers(repository: Path, path: Path) -> Iterator[Path]:
    """The `__init__.py` of each package on the way to a file."""
    for folder in path.parents:
        if (repository / folder / "__init__.py").is_file():
            yield folder / "__init__.py"


def executed_imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements of a module, but not those that only a type checker executes."""
    type_checking = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in type_checking:
            yield node


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in executed_imports(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(repository: Path, name: str) -> Path | None:
    parts = Path(*name.split("."))
    for root in _ROOTS:
        for path in (Path(root) / parts / "__init__.py", Path(root) / parts.with_suffix(".py")):
            if (repository / path).is_file():
                return path
    return None


def _is_own(repository: Path, name: str) -> bool:
    """Whether a name is of this repository: of a folder without `__init__.py`, or of a module."""
    top = name.partition(".")[0]
    return top in _PACKAGES or any(
        (repository / root / top).is_dir() for root in ("functions", "layers")
    )


def functions_of(files: Iterable[Path]) -> set[str]:
    """The functions that files belong to."""
    return {path.parts[1] for path in files if path.parts[0] == "functions"}

"""Let imports wait until somebody needs them: `defer_imports.py <packages of a layer>`.

deferred_imports.toml lists where. A package's `__init__.py` imports a name when it is asked for, by
the module's `__getattr__`. In another module, an import moves into the functions that use it. Both
keep what the code does. An import of a package that cannot wait stays where it is; the build fails
if none of the package's imports can wait, or if one that is listed for functions cannot.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_GETATTR: Final = """
_DEFERRED = {modules}


def __getattr__(name):
    if name not in _DEFERRED:
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_DEFERRED[name]), name)
    return value
"""

type Edit = tuple[int, int, str]  # lines to replace, from and to as in a slice, and their text


class DeferError(Exception):
    """The packages are not as deferred_imports.toml describes them."""


def defer(packages: Path, listed: dict[str, Any]) -> None:
    """Rewrite the listed modules.

    Raises:
        DeferError: a module is missing, or its imports cannot wait.
    """
    for package in listed["packages"]:
        file = packages.joinpath(*package.split("."), "__init__.py")
        file.write_text(lazy_package(source_of(file), package, file.parent))
    for module, names in listed["functions"].items():
        file = packages / module
        file.write_text(moved_into_functions(source_of(file), names, module))


def source_of(file: Path) -> str:
    if not file.is_file():
        raise DeferError(f"there is no {file}")
    return file.read_text()


def lazy_package(source: str, package: str, folder: Path) -> str:
    """The source of the package's `__init__.py`, with `from ... import` deferred.

    An import stays if the module uses one of its names itself. It also stays if one of its names is
    a submodule's: an import of the submodule elsewhere would bind the name to that.

    Raises:
        DeferError: no import can wait.
    """
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    submodules = {path.stem for path in folder.iterdir()}
    modules: dict[str, str] = {}
    edits: list[Edit] = []
    for node in tree.body:
        if not isinstance(node, ast.ImportFrom) or node.module == "__future__":
            continue
        names = {alias.name for alias in node.names}
        if names & (used | submodules | {"*"}) or any(alias.asname for alias in node.names):
            continue
        outer = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
        module = ".".join([*outer, *([node.module] if node.module else [])])
        modules |= dict.fromkeys(sorted(names), module)
        edits.append((*lines_of(node), ""))
    if not edits:
        raise DeferError(f"{package} has no import that can wait")
    return edited(source, edits) + _GETATTR.format(modules=modules)


def moved_into_functions(source: str, names: list[str], module: str) -> str:
    """The module's source, with the imports of `names` inside of the functions that use them.

    Raises:
        DeferError: it does not import one of them, or uses one outside of functions.
    """
    tree, lines = ast.parse(source), source.splitlines()
    statements: dict[str, str] = {}
    edits: list[Edit] = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(each.name in names for each in node.names):
            origin = f"from {'.' * node.level}{node.module or ''} import"
            moving = [each for each in node.names if each.name in names and not each.asname]
            staying = [ast.unparse(each) for each in node.names if each not in moving]
            statements |= {each.name: f"{origin} {each.name}\n" for each in moving}
            rest = f"{origin} {', '.join(staying)}\n" if staying else ""
            edits.append((*lines_of(node), rest))
    if missing := set(names) - statements.keys():
        raise DeferError(f"{module} has no import of {', '.join(sorted(missing))}")
    uses = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in names]
    for function in functions_in(tree):
        inner = {id(each) for statement in function.body for each in ast.walk(statement)}
        used = {node.id for node in uses if id(node) in inner}
        uses = [node for node in uses if id(node) not in inner]
        if not used:
            continue
        line, _, _ = edit = insertion(function, [statements[name] for name in sorted(used)])
        if lines[line][: function.body[0].col_offset].strip():
            raise DeferError(f"{module} has a function on one line, {function.lineno}")
        edits.append(edit)
    if uses:
        raise DeferError(f"{module} uses {uses[0].id} in line {uses[0].lineno}, not in a function")
    return edited(source, edits)


def functions_in(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """The outermost functions and methods."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from functions_in(node)


def insertion(function: ast.FunctionDef, statements: list[str]) -> Edit:
    """The statements at the beginning of the function, after its docstring."""
    first, *others = function.body
    if ast.get_docstring(function, clean=False) is not None and others:
        first = others[0]
    line = first.lineno
    if isinstance(first, ast.FunctionDef | ast.ClassDef) and first.decorator_list:
        line = first.decorator_list[0].lineno
    indented = "".join(f"{' ' * first.col_offset}{statement}" for statement in statements)
    return line - 1, line - 1, indented


def lines_of(node: ast.stmt) -> tuple[int, int]:
    return node.lineno - 1, node.end_lineno or node.lineno


def edited(source: str, edits: list[Edit]) -> str:
    lines = source.splitlines(keepends=True)
    for start, end, text in sorted(edits, reverse=True):
        lines[start:end] = [text]
    return "".join(lines)


def main() -> int:
    """Return 0 if all listed imports wait."""
    listed = tomllib.loads(Path(__file__).with_name("deferred_imports.toml").read_text())
    try:
        defer(Path(sys.argv[1]), listed)
    except DeferError as error:
        print(
            f"defer_imports.py: {error}. Change layers/build/deferred_imports.toml.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

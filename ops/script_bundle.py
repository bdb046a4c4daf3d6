"""One script for a page: its module, after all modules that it imports directly or indirectly.

Each module becomes a block, so it keeps its scope, and `$modules` has what it exports. The script
exports `modules`, for tests and for a browser's console. Code that would behave differently in a
block is refused.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
import tree_sitter_javascript
from tree_sitter import Language, Node, Parser

_PARSER: Final = Parser(Language(tree_sitter_javascript.language()))
_MODULE: Final = re.compile(r"""["']\./([\w-]+\.js)["']""")
_DECLARATIONS: Final = (
    "class_declaration",
    "function_declaration",
    "generator_function_declaration",
)
_REFUSED: Final = {
    "decorator": "browsers do not support decorators.",
    "export_statement": "only a named const, function or class can be exported, when declared.",
    "hash_bang_line": "browsers do not support this line.",
    "html_comment": "a module cannot have HTML comments.",
    "import": "a bundle cannot load modules later: use an import statement.",
    "import_statement": 'write import {a, b as c} from "./name.js", or import * as name.',
    "jsx_element": "browsers do not support JSX.",
    "jsx_self_closing_element": "browsers do not support JSX.",
    "meta_property": "a bundled module has no import.meta of its own: use configuration.js.",
    "var": "modules of a bundle would share this var: use const or let.",
    "with_statement": "a module cannot have with statements.",
}
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class BundleError(Exception):
    """A module cannot be bundled; the message names file and line, and says what to do."""


class Script(msgspec.Struct, frozen=True):
    """A bundle, and the map by which a browser's console names the lines of the modules."""

    code: str
    source_map: str


class _Import(msgspec.Struct, frozen=True):
    line: int
    module: str
    names: Mapping[str, str]  # local name → exported name
    namespace: str | None

    def binding(self) -> str:
        names = ", ".join(f"{name}: {local}" for local, name in self.names.items())
        return f'const {self.namespace or f"{{ {names} }}"} = $modules["{self.module}"];'


class _Module(msgspec.Struct, frozen=True):
    name: str
    source: str
    code: str  # line by line as the source, without imports, `export` and comments
    imports: list[_Import]
    exports: list[str]


def bundle(entry: str, sources: Mapping[str, str]) -> Script:
    """The script of the page with the module `entry`; `sources` are the modules of web/ by name.

    Raises:
        BundleError: a module has a syntax error, or something that a bundle cannot have.
    """
    modules: dict[str, _Module] = {}
    _add(entry, sources, modules, [])
    lines = ["const $modules = {};"]
    origins: list[tuple[int, int] | None] = [None]  # of each line: the source and its line
    for index, module in enumerate(modules.values()):
        code = module.code.split("\n")
        head = [f"{{ // web/{module.name}", *(each.binding() for each in module.imports)]
        exports = f'$modules["{module.name}"] = {{ {", ".join(module.exports)} }};'
        lines += [*head, *code, exports, "}"]
        origins += [*(None for _ in head), *((index, line) for line in range(len(code)))]
        origins += [None, None]
    lines += ["export { $modules as modules };", f"//# sourceMappingURL={entry}.map", ""]
    source_map = {
        "version": 3,
        "sources": [f"web/{name}" for name in modules],
        "sourcesContent": [module.source for module in modules.values()],
        "names": [],
        "mappings": _mappings(origins),
    }
    return Script("\n".join(lines), json.dumps(source_map))


def _add(
    name: str, sources: Mapping[str, str], modules: dict[str, _Module], importers: list[str]
) -> None:
    """Add a module after all that it imports."""
    if name in modules:
        return
    module = _parse(name, sources[name])
    chain = [*importers, name]
    for each in module.imports:
        if each.module not in sources:
            raise _error(name, each.line, f"web/{each.module} does not exist.")
        if each.module in chain:
            circle = " → ".join([*chain[chain.index(each.module) :], each.module])
            raise _error(name, each.line, f"modules cannot import each other: {circle}.")
        _add(each.module, sources, modules, chain)
        for missing in sorted({*each.names.values()} - {*modules[each.module].exports}):
            raise _error(name, each.line, f"web/{each.module} does not export {missing}.")
    modules[name] = module


def _parse(name: str, source: str) -> _Module:
    data = source.encode()
    imports: list[_Import] = []
    exports: list[str] = []
    cuts: list[tuple[int, int]] = []
    if "$modules" in source:
        line = source[: source.index("$modules")].count("\n") + 1
        raise _error(name, line, "$modules is a name of the bundle: use another one.")
    for statement in _PARSER.parse(data).root_node.children:
        inner = statement
        if found := _import(statement):
            imports.append(found)
            cuts.append((statement.start_byte, statement.end_byte))
            continue
        if names := _exported(statement):
            exports += names
            inner = statement.children[-1]
            cuts.append((statement.start_byte, inner.start_byte))
        for node in _nodes(inner):
            if node.is_error or node.is_missing:
                raise _error(name, _line(node), "this is not JavaScript.")
            if node.type in _REFUSED:
                raise _error(name, _line(node), _REFUSED[node.type])
            if node.type == "comment":
                cuts.append((node.start_byte, node.end_byte))
    return _Module(name, source, _without(data, cuts), imports, exports)


def _import(statement: Node) -> _Import | None:
    """The import of a statement in one of the forms that a bundle can have."""
    if statement.type != "import_statement" or statement.has_error:
        return None
    source = _MODULE.fullmatch(_text(statement.child_by_field_name("source")))
    parts = [part for part in statement.named_children if part.type not in ("string", "comment")]
    if not source or [part.type for part in parts] not in ([], ["import_clause"]):
        return None
    names: dict[str, str] = {}
    namespace = None
    for clause in parts[0].named_children if parts else ():
        if clause.type == "namespace_import":
            namespace = _text(clause.named_child(0))
        elif clause.type == "named_imports":
            for each in clause.named_children:
                if each.type == "import_specifier":
                    imported = _text(each.child_by_field_name("name"))
                    names[_text(each.child_by_field_name("alias")) or imported] = imported
        elif clause.type != "comment":
            return None
    return _Import(_line(statement), source[1], names, namespace)


def _exported(statement: Node) -> list[str]:
    """The names of an export in one of the forms that a bundle can have."""
    declaration = statement.child_by_field_name("declaration")
    if statement.type != "export_statement" or declaration is None:
        return []
    if declaration.type in _DECLARATIONS:
        named = [declaration]
    elif declaration.type == "lexical_declaration" and _text(declaration.child(0)) == "const":
        named = [each for each in declaration.named_children if each.type == "variable_declarator"]
    else:
        return []
    names = [each.child_by_field_name("name") for each in named]
    if [_text(child) for child in statement.children[:-1]] != ["export"] or any(
        each is None or each.type != "identifier" for each in names
    ):
        return []
    return [_text(each) for each in names]


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _text(node: Node | None) -> str:
    return node.text.decode() if node and node.text else ""


def _line(node: Node) -> int:
    return node.start_point.row + 1


def _error(name: str, line: int, problem: str) -> BundleError:
    return BundleError(f"web/{name}:{line}: {problem}")


def _without(data: bytes, cuts: list[tuple[int, int]]) -> str:
    """The text without these parts, except for their line breaks."""
    kept = bytearray()
    end = 0
    for start, next_end in sorted(cuts):
        kept += data[end:start] + (b"\n" * data.count(b"\n", start, next_end) or b" ")
        end = next_end
    return (kept + data[end:]).decode()


def _mappings(origins: list[tuple[int, int] | None]) -> str:
    """The `mappings` of a source map; `origins` has the source and line of each line."""
    mapped: list[str] = []
    last = (0, 0)
    for origin in origins:
        if origin is None:
            mapped.append("")
        else:
            source, line = origin
            mapped.append("A" + _number(source - last[0]) + _number(line - last[1]) + "A")
            last = origin
    return ";".join(mapped)


def _number(value: int) -> str:
    """Base 64 VLQ: five bits a digit, the lowest digits first; the lowest bit is the sign."""
    rest = (abs(value) << 1) | (value < 0)
    digits = ""
    while True:
        rest, digit = rest >> 5, rest & 31
        digits += _BASE64[digit | (32 if rest else 0)]
        if not rest:
            return digits

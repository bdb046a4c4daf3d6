"""Bundles of modules, run by the JavaScript engine that Playwright brings."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from ops.script_bundle import BundleError, bundle
from tools.translate import ROOT


def run(folder: Path, sources: Mapping[str, str]) -> str:
    """What the bundle of main.js prints, and how it fails."""
    script = bundle("main.js", sources)
    (folder / "main.js").write_text(script.code)
    (folder / "main.js.map").write_text(script.source_map)
    (folder / "package.json").write_text('{"type": "module"}')
    node, _ = compute_driver_executable()
    command = [node, "--enable-source-maps", folder / "main.js"]
    return subprocess.run(
        command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout


def test_modules_keep_their_scopes_and_know_what_they_import(tmp_path: Path):
    sources = {
        "main.js": """\
import * as shapes from "./shapes.js";
import { double, LIMIT as most, Box, /* all */ numbers } from "./numbers.js";
import "./effect.js";
const hidden = "main";
console.log(hidden, double(most), new Box(1).size, [...numbers()]);
console.log(shapes.name(), await shapes.slow());
""",
        "shapes.js": """\
import { double } from "./numbers.js";
const hidden = "shapes";
export const name = () => `${hidden} ${double(4)}`, unused = 1;
export async function slow() { return hidden; }
""",
        "numbers.js": """\
const hidden = 2;
export const LIMIT = 21;
export function double(number) { return number * hidden; }
export class Box { constructor(size) { this.size = size; } }
export function* numbers() { yield hidden; }
""",
        "effect.js": 'globalThis.order = "effect"; console.log("effect");',
    }
    assert run(tmp_path, sources) == "effect\nmain 42 1 [ 2 ]\nshapes 8 shapes\n"


def test_each_module_is_evaluated_once_in_the_order_of_imports(tmp_path: Path):
    sources = {
        "main.js": 'import "./b.js";\nimport "./a.js";\nconsole.log("main");',
        "a.js": 'import "./c.js";\nconsole.log("a");',
        "b.js": 'import "./c.js";\nconsole.log("b");',
        "c.js": 'console.log("c"); // the last line has no end',
        "unused.js": 'console.log("never");',
    }
    assert run(tmp_path, sources).split() == ["c", "b", "a", "main"]


def test_text_that_looks_like_a_statement_stays_as_it_is(tmp_path: Path):
    source = """\
// import { a } from "./nowhere.js";
const text = `
export const b = 1;
// not a comment
`;
const pattern = /\\/\\* "/;
const sum = 1/* import("./nowhere.js") */+ 1; /* two
lines */ console.log(sum, pattern.test('/* "'), text);
"""
    expected = "2 true \nexport const b = 1;\n// not a comment\n\n"
    assert run(tmp_path, {"main.js": source}) == expected


def test_exports_are_reachable_from_outside(tmp_path: Path):
    sources = {
        "main.js": 'import { state } from "./state.js";\nstate.ready = true;',
        "state.js": "export const state = {};",
    }
    bundled = bundle("main.js", sources)
    (tmp_path / "main.mjs").write_text(bundled.code)
    code = (
        f'import {{ modules }} from "{tmp_path}/main.mjs"; console.log(modules["state.js"].state);'
    )
    node, _ = compute_driver_executable()
    command = [node, "--input-type=module", "--eval", code]
    assert subprocess.check_output(command, text=True) == "{ ready: true }\n"


def test_error_names_the_file_and_the_line_of_its_module(tmp_path: Path):
    sources = {
        "main.js": '// The page.\n\nimport { fail } from "./broken.js";\n\nfail("now");\n',
        "broken.js": "/**\n * Fails.\n */\nexport function fail(of) {\n  throw new Error(of);\n}\n",
    }
    printed = run(tmp_path, sources)
    assert "Error: now" in printed
    assert f"{tmp_path}/web/broken.js:5" in printed
    assert f"{tmp_path}/web/main.js:5" in printed


def test_source_map_reaches_lines_that_are_far_apart(tmp_path: Path):
    """Differences of more than one digit, in both directions."""
    far = "\n" * 700
    sources = {
        "main.js": f'{far}import {{ fail }} from "./broken.js";\nfail();\n',
        "broken.js": f"export function fail() {{{far}  throw new Error();\n}}\n",
    }
    printed = run(tmp_path, sources)
    assert f"{tmp_path}/web/broken.js:701" in printed
    assert f"{tmp_path}/web/main.js:702" in printed


OTHER = "export const a = 1;\nexport function f() {}\n"


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ('import a from "./other.js";', "write import {a, b as c}"),
        ('import a, { f } from "./other.js";', "write import {a, b as c}"),
        ('import { a } from "other";', "write import {a, b as c}"),
        ('import { a } from "../other.js";', "write import {a, b as c}"),
        ('import a from "./other.js" with { type: "json" };', "write import {a, b as c}"),
        ('import { missing as m } from "./other.js";', "web/other.js does not export missing"),
        ('import { a } from "./nowhere.js";', "web/nowhere.js does not exist"),
        ('import { m } from "./main.js";', "each other: main.js → main.js"),
        ('import { b } from "./circle.js";', "each other: main.js → circle.js → main.js"),
        ('const other = await import("./other.js");', "use an import statement"),
        ("const name = `./${x}.js`; import(name);", "use an import statement"),
        ("export let b = 1;", "only a named const, function or class"),
        ("export default 1;", "only a named const, function or class"),
        ("export default function f() {}", "only a named const, function or class"),
        ("const b = 1; export { b };", "only a named const, function or class"),
        ('export * from "./other.js";', "only a named const, function or class"),
        ('export { a } from "./other.js";', "only a named const, function or class"),
        ("export const { b } = {};", "only a named const, function or class"),
        ("const url = import.meta.url;", "use configuration.js"),
        ("if (true) { var shared = 1; }", "use const or let"),
        ("for (var i = 0; i < 1; i += 1) {}", "use const or let"),
        ("for (var i of []) {}", "use const or let"),
        ("const $modules = 1;", "use another one"),
        ("const b = <p>text</p>;", "JSX"),
        ("const b = <p/>;", "JSX"),
        ("with (Math) {}", "with statements"),
        ("<!-- old comment", "HTML comments"),
        ("@a class B {}", "decorators"),
        ("const b = ;", "this is not JavaScript"),
        ("if (true) {", "this is not JavaScript"),
        ("function f() { import { a } from './other.js'; }", ""),
        ("function f() { export const b = 1; }", ""),
    ],
)
def test_what_cannot_be_bundled_is_refused_with_file_and_line(statement: str, problem: str):
    sources = {
        "main.js": f"// Line 1\n\n{statement}\n",
        "other.js": OTHER,
        "circle.js": '\n\nimport { m } from "./main.js";\nexport const b = m;\n',
    }
    with pytest.raises(BundleError) as refused:
        bundle("main.js", sources)
    assert str(refused.value).startswith(("web/main.js:3: ", "web/circle.js:3: "))
    assert problem in str(refused.value)


@pytest.mark.parametrize("entry", ["gallery.js", "photo.js"])
def test_scripts_of_the_page_are_javascript(entry: str, tmp_path: Path):
    sources = {path.name: path.read_text() for path in (ROOT / "web").glob("*.js")}
    script = tmp_path / "script.mjs"
    script.write_text(bundle(entry, sources).code)
    node, _ = compute_driver_executable()
    subprocess.run([node, "--check", script], check=True)

"""The published files of a page of two styles and two modules."""

import re

import pytest

from ops.page_files import page_files
from ops.script_bundle import BundleError

PAGE = """\
<!doctype html>
<html lang="en">
  <head>
    <link rel="icon" href="/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/page.css">
    <link rel="stylesheet" href="/more.css">
    <script type="application/json" id="configuration">{}</script>
    <script type="module" src="/main.js"></script>
  </head>
  <body><a href="/">Home</a> <a href="/about.html">About</a></body>
</html>
"""
WEB = {
    "about.html": b"<!doctype html>\n<title>About</title>\n",
    "icon.svg": b"<svg/>",
    "index.html": PAGE.encode(),
    "main.js": b'import { a } from "./other.js";\nconsole.log(a);\n',
    "more.css": b"b { top: 2 }\n",
    "other.js": b"export const a = 1;\n",
    "page.css": b"a { top: 1 }\n",
}
CONFIGURATION = {"stage": "dev"}


def folder(files: dict[str, bytes]) -> str:
    [name] = {key.rpartition("/")[0] for key in files if key.startswith("assets/")}
    return name


def test_page_names_one_style_one_script_and_has_its_configuration():
    files = page_files(WEB, CONFIGURATION)
    at = folder(files)
    assert re.fullmatch(r"assets/[0-9a-f]{10}", at)
    assert (
        files["index.html"].decode()
        == f"""\
<!doctype html>
<html lang="en">
  <head>
    <link rel="icon" href="/{at}/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="/{at}/index.css">
    <script type="application/json" id="configuration">{{"stage": "dev"}}</script>
    <script type="module" src="/{at}/main.js"></script>
  </head>
  <body><a href="/">Home</a> <a href="/about.html">About</a></body>
</html>
"""
    )
    assert files["about.html"] == WEB["about.html"]
    assert files[f"{at}/index.css"] == b"a { top: 1 }\n\nb { top: 2 }\n"
    assert files[f"{at}/main.js"].endswith(b"//# sourceMappingURL=main.js.map\n")
    in_folder = ["icon.svg", "index.css", "main.js", "main.js.map"]
    # The style is also in the root, for the page of a missing path. HTML is uploaded last.
    last = ["page.css", "about.html", "index.html"]
    assert list(files) == [*(f"{at}/{name}" for name in in_folder), *last]


@pytest.mark.parametrize("name", ["icon.svg", "more.css", "other.js"])
def test_folder_has_another_name_when_a_file_changes(name: str):
    changed = page_files(WEB | {name: WEB[name] + b" "}, CONFIGURATION)
    assert folder(changed) != folder(page_files(WEB, CONFIGURATION))


def test_folder_has_another_name_for_another_configuration():
    assert folder(page_files(WEB, {"stage": "prod"})) != folder(page_files(WEB, CONFIGURATION))


def test_no_value_of_the_configuration_ends_its_element():
    page = page_files(WEB, {"stage": "</script><script>"})["index.html"].decode()
    assert r'"\u003c/script>\u003cscript>"' in page


def with_page(old: str, new: str) -> dict[str, bytes]:
    assert old in PAGE
    return WEB | {"index.html": PAGE.replace(old, new, 1).encode()}


SCRIPT = '<script type="module" src="/main.js"></script>'


@pytest.mark.parametrize(
    ("web", "problem"),
    [
        (with_page("/icon.svg", "/lost.svg"), "web/index.html names lost.svg, which web/ does not"),
        (with_page("/more.css", "/lost.css"), "web/index.html names lost.css, which web/ does not"),
        (with_page("/main.js", "/lost.js"), "web/index.html names lost.js, which web/ does not"),
        (with_page(SCRIPT, SCRIPT * 2), "web/index.html names 2 scripts"),
        (with_page("{}</script>", "{} </script>"), "web/index.html has a script, so it also needs"),
        (with_page('type="module" ', ""), "web/index.html names main.js in an element"),
        (with_page(SCRIPT, '<link rel="preload" href="/other.js">'), "names other.js in an"),
        (
            with_page('css">', 'css" media="print">'),
            "web/index.html names page.css in an element",
        ),
        (WEB | {"more.css": b'@import "x.css";'}, "web/more.css has @import"),
        (WEB | {"more.css": b'@charset "utf-8";'}, "web/more.css has @charset"),
        (WEB | {"other.js": b"export const = 1;"}, "web/other.js:1: this is not JavaScript"),
    ],
)
def test_what_cannot_be_published_is_refused_by_name(web: dict[str, bytes], problem: str):
    with pytest.raises(BundleError) as refused:
        page_files(web, CONFIGURATION)
    assert problem in str(refused.value)

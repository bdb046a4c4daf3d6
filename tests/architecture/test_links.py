"""Links inside the repository lead to files, headings and documents that exist."""

import posixpath
import re

import pytest

from tests.support.documents import HISTORY, anchors_in, code_in, links_in, pages, tracked_files
from tests.support.repository import ROOT

PAGES = pytest.mark.parametrize("page", pages())
PATH = re.compile(
    r"(?:\.github|bench|demo|docs|events|fakes|functions|layers|localcloud|ops|permissions"
    r"|requirements|tests|tools|web)/[\w./-]*\w/?|[\w-]+\.(?:md|toml|yaml)"
)
DOCUMENT = re.compile(r"(?<![\w/.-])docs/[\w./-]+\.(?:json|md|png|svg)\b")


def broken(page: str, link: str) -> bool:
    """Whether the file or the heading does not exist."""
    path, _, anchor = link.partition("#")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page
    if not (ROOT / target).exists():
        return True
    return bool(anchor) and anchor not in anchors_in((ROOT / target).read_text())


@PAGES
def test_every_link_has_a_target(page: str):
    assert [link for link in links_in(pages()[page]) if broken(page, link)] == []


@pytest.mark.parametrize("page", [page for page in pages() if page not in HISTORY])
def test_every_path_in_backticks_exists(page: str):
    folder = posixpath.dirname(page)
    paths = [code for _, code in code_in(pages()[page]) if PATH.fullmatch(code)]
    missing = [
        path for path in paths if not (ROOT / path).exists() and not (ROOT / folder / path).exists()
    ]
    assert missing == []


def test_every_document_that_code_names_exists():
    wrong = [
        f"{name}: {document}"
        for name in tracked_files()
        if not name.endswith((".md", ".svg", ".png", ".jpg", ".heic"))
        and name != "tests/architecture/test_links.py"
        for document in DOCUMENT.findall((ROOT / name).read_text(errors="ignore"))
        if not (ROOT / document).exists()
    ]
    assert wrong == []


def test_index_lists_every_document():
    linked = {
        posixpath.normpath(posixpath.join("docs", link.partition("#")[0]))
        for link in links_in(pages()["docs/README.md"])
    }
    listed = {page for page in pages() if page.startswith("docs/")} | {"README.md"}
    runbooks = {page for page in listed if page.startswith("docs/runbooks/")}
    assert listed - linked - runbooks - {"docs/README.md"} == set()


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("docs/README.md", False),
        ("docs/nowhere.md", True),
        ("docs/laptop.md#provoke-a-failure", False),
        ("docs/laptop.md#provoke-success", True),
        ("#where-things-are", False),
        ("#where-it-is-not", True),
    ],
)
def test_a_broken_link_is_found(link: str, is_broken: bool):
    assert broken("README.md", link) is is_broken


def test_anchors_are_those_of_github():
    text = "# A `b`: c-d, e\n## A_b\n## Same\n## Same\n```\n# no heading\n```\n"
    assert anchors_in(text) == {"a-b-c-d-e", "a_b", "same", "same-1"}


def test_links_in_code_are_no_links():
    text = "[a](b.md) ![c](d.png) `[e](f.md)` <https://g>\n```\n[h](i.md)\n```\n[j](https://k)"
    assert links_in(text) == ["b.md", "d.png"]

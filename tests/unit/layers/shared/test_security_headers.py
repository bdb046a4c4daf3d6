"""The security policy of pages and of other responses."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.security_headers import api_headers, file_headers, page_headers
from tests.support.repository import ROOT

EVERYWHERE = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def directives(policy: str) -> dict[str, list[str]]:
    parts = [part.split() for part in policy.split(";")]
    assert len({part[0] for part in parts}) == len(parts), "a browser takes the first of two"
    return {part[0]: part[1:] for part in parts}


def test_a_page_may_use_its_own_files_and_connect_to_named_origins():
    policy = directives(
        page_headers("https://uploads.example http://127.0.0.1:4566")["Content-Security-Policy"]
    )
    assert policy == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "blob:"],
        "connect-src": ["'self'", "https://uploads.example", "http://127.0.0.1:4566"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
        "require-trusted-types-for": ["'script'"],
        "trusted-types": ["'none'"],
    }


def test_other_files_than_pages_may_do_nothing():
    assert file_headers() == {
        **EVERYWHERE,
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
    assert api_headers() == file_headers()


def test_a_page_has_what_all_have_and_is_isolated_from_other_windows():
    headers = page_headers()
    assert headers.items() >= EVERYWHERE.items()
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize(
    "intruder",
    [
        "*",
        "https:",
        "https://",
        "https://*.example",
        "'unsafe-inline'",
        "javascript://x",
        "https://a;script-src",
        "https://a,b",
        "//a",
        "data:",
    ],
)
def test_text_that_is_not_an_origin_is_left_out(intruder: str):
    assert page_headers(f"https://a.example {intruder}") == page_headers("https://a.example")


@given(st.text())
def test_no_text_weakens_the_policy_or_breaks_the_header(connect: str):
    policy = page_headers(connect)["Content-Security-Policy"]
    assert policy.isascii()
    assert policy.isprintable()
    found, plain = directives(policy), directives(page_headers()["Content-Security-Policy"])
    assert {**found, "connect-src": plain["connect-src"]} == plain
    for origin in found["connect-src"][1:]:
        assert origin.startswith(("http://", "https://"))
        assert not set(origin) & set("*'\"@/?#") - {"/"}


def test_answers_are_not_shared_between_callers():
    for headers in (page_headers, file_headers, api_headers):
        headers()["Referrer-Policy"] = "unsafe-url"
        assert headers()["Referrer-Policy"] == "same-origin"


def test_security_headers_import_nothing():
    """The edge function contains it, and each import makes its cold start longer."""
    source = (ROOT / "layers/shared/security_headers.py").read_text()
    assert [
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)
    ] == []

"""The API's answers, by what the database returns."""

import json
from pathlib import Path
from typing import Any

import pytest

import loans
from database import DatabaseUnavailableError

LEND = json.loads((Path(__file__).parents[1] / "events" / "lend.json").read_text())


class Rows:
    """A database that returns these rows, or raises an error."""

    def __init__(self, rows: list[list[str]], error: Exception | None = None) -> None:
        self.rows, self.error = rows, error

    def run(self, _: str, **__: str) -> list[list[str]]:
        if self.error:
            raise self.error
        return self.rows


def answer(
    monkeypatch: pytest.MonkeyPatch, method: str, database: Rows
) -> tuple[int, dict[str, str]]:
    monkeypatch.setattr(loans, "_database", database)
    event: dict[str, Any] = json.loads(json.dumps(LEND))
    event["requestContext"]["http"]["method"] = method
    response = loans.handler(event, None)
    return response["statusCode"], json.loads(response.get("body", "{}"))


def test_tool_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(monkeypatch, "PUT", Rows([["ann"]]))[0] == 200


def test_tool_that_another_member_has_is_not_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    lent = (409, {"tool": "drill", "member": "bob"})
    assert answer(monkeypatch, "PUT", Rows([["bob"]])) == lent


def test_tool_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(monkeypatch, "DELETE", Rows([])) == (204, {})


def test_holder_of_a_tool_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(monkeypatch, "GET", Rows([["bob"]]))[1]["member"] == "bob"
    assert answer(monkeypatch, "GET", Rows([]))[0] == 404


def test_unavailable_database_asks_the_client_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    down = Rows([], DatabaseUnavailableError("connection refused"))
    monkeypatch.setattr(loans, "_database", down)
    response = loans.handler(LEND, None)
    assert (response["statusCode"], response["headers"]["retry-after"]) == (503, "5")

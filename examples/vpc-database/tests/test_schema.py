"""Names and passwords are quoted where a statement cannot have parameters."""

from typing import Any

import pytest

import schema


@pytest.mark.parametrize(("exists", "created"), [([[]], False), ([], True)])
def test_user_is_created_once_and_gets_the_password_of_the_secret(
    monkeypatch: pytest.MonkeyPatch, exists: list[list[Any]], created: bool
) -> None:
    statements: list[str] = []

    class Recorder:
        def run(self, sql: str, **_: str) -> list[list[Any]]:
            statements.append(sql)
            return exists

    monkeypatch.setattr(schema, "_database", Recorder())
    monkeypatch.setattr(schema, "login_of", lambda _: {"username": "app", "password": "it's"})
    assert schema.handler({}, None) == {"user": "app", "table": "loans"}
    assert ('CREATE ROLE "app"' in statements) == created
    assert "ALTER ROLE \"app\" LOGIN PASSWORD 'it''s'" in statements

"""When a connection is kept, made again, or given up."""

from typing import Any

import pytest
from pg8000.native import DatabaseError, InterfaceError

import database
from database import Database, DatabaseUnavailableError

LOST = InterfaceError("network error")
type Login = dict[str, str]


def refusal(code: str) -> DatabaseError:
    return DatabaseError({"C": code, "M": f"error {code}"})


class Connections:
    """Connections that answer the number of each, except where they are told to fail."""

    def __init__(self) -> None:
        self.logins: list[Login] = []
        self.secret = {"username": "application", "password": "first"}
        self.refusals: list[Exception] = []
        self.failures: list[Exception] = []

    def connect(self, login: Login) -> "Connections":
        self.logins.append(login)
        if self.refusals:
            raise self.refusals.pop(0)
        return self

    def run(self, _: str, **__: Any) -> list[list[int]]:
        if self.failures:
            raise self.failures.pop(0)
        return [[len(self.logins)]]


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    connections = Connections()
    monkeypatch.setattr(database, "connect", connections.connect)
    monkeypatch.setattr(database, "login_of", lambda _: dict(connections.secret))
    return connections


def test_connection_is_kept(connections: Connections) -> None:
    kept = Database()
    assert [kept.run("SELECT") for _ in range(3)] == [[[1]]] * 3


@pytest.mark.parametrize("lost", [LOST, TimeoutError("the read operation timed out")])
def test_lost_connection_is_made_again(connections: Connections, lost: Exception) -> None:
    kept = Database()
    kept.run("SELECT")
    connections.failures = [lost]
    assert kept.run("SELECT") == [[2]]


def test_first_connection_that_fails_is_not_tried_again(connections: Connections) -> None:
    connections.refusals = [LOST]
    with pytest.raises(DatabaseUnavailableError, match="network error"):
        Database().run("SELECT")
    assert len(connections.logins) == 1


def test_database_that_is_available_again_is_reached(connections: Connections) -> None:
    kept = Database()
    kept.run("SELECT")
    connections.failures, connections.refusals = [LOST], [ConnectionRefusedError("refused")]
    with pytest.raises(DatabaseUnavailableError, match="refused"):
        kept.run("SELECT")
    assert kept.run("SELECT") == [[3]]


@pytest.mark.parametrize("code", ["53300", "57P03"])  # too many connections, starting
def test_refused_connection_is_an_unavailable_database(connections: Connections, code: str) -> None:
    connections.refusals = [refusal(code)]
    with pytest.raises(DatabaseUnavailableError, match=code):
        Database().run("SELECT")


def test_refused_password_is_read_again_once(connections: Connections) -> None:
    kept = Database()
    kept.run("SELECT")
    connections.secret["password"] = "second"
    connections.failures, connections.refusals = [LOST], [refusal("28P01")]
    assert kept.run("SELECT") == [[3]]
    assert [login["password"] for login in connections.logins] == ["first", "first", "second"]
    connections.failures, connections.refusals = [LOST], [refusal("28P01")] * 2
    with pytest.raises(DatabaseError, match="28P01"):
        kept.run("SELECT")


def test_error_of_a_statement_is_raised_as_it_is(connections: Connections) -> None:
    connections.failures = [refusal("42P01")]
    with pytest.raises(DatabaseError, match="42P01"):
        Database().run("SELECT")

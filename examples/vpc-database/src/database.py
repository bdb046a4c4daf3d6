"""One connection to PostgreSQL per execution environment, kept between invocations."""

import logging
import os
from typing import Any, Final

from pg8000.native import DatabaseError, InterfaceError

from connections import connect, login_of

# Codes of https://www.postgresql.org/docs/current/errcodes-appendix.html
_REFUSED_PASSWORD: Final = "28P01"  # noqa: S105
_UNAVAILABLE: Final = {"08", "53", "57"}  # classes of codes: connection, resources, operator
_logger: Final = logging.getLogger(__name__)


class DatabaseUnavailableError(Exception):
    """The database cannot be reached, or does not accept the connection now."""


class Database:
    """Connects before the first statement, and again after the connection is lost."""

    def __init__(self) -> None:
        self._login: dict[str, str] = {}
        self._connection: Any = None

    def run(self, sql: str, **parameters: Any) -> list[list[Any]]:
        """Run an idempotent statement: it runs again if the connection is lost meanwhile."""
        try:
            return self._run(sql, parameters) or []
        except (InterfaceError, OSError) as error:
            raise DatabaseUnavailableError(str(error)) from None
        except DatabaseError as error:
            if error.args[0]["C"][:2] in _UNAVAILABLE:
                raise DatabaseUnavailableError(error.args[0]["M"]) from None
            raise

    def _run(self, sql: str, parameters: dict[str, Any]) -> Any:
        if self._connection is not None:
            try:
                return self._connection.run(sql, **parameters)
            except (InterfaceError, OSError) as error:
                _logger.warning("Connection lost; connecting again", extra={"reason": str(error)})
                self._connection = None
        self._connection = self._connected()
        return self._connection.run(sql, **parameters)

    def _connected(self) -> Any:
        """A connection, with the secret's new value if the database refuses the one in use."""
        if self._login:
            try:
                return connect(self._login)
            except DatabaseError as error:
                if error.args[0]["C"] != _REFUSED_PASSWORD:
                    raise
                _logger.warning("Password refused; reading the secret again")
        self._login = login_of(os.environ["SECRET"])
        return connect(self._login)

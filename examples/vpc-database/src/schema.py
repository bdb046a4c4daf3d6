"""Creates the table, and the application's user with the password that its secret has now."""

import os
from typing import Any, Final

from pg8000.native import identifier, literal

from connections import login_of
from database import Database

_database: Final = Database()


def handler(_event: dict[str, Any], _context: object) -> dict[str, str]:
    """Bring the database to the schema of this version; it can run at any time and again."""
    application = login_of(os.environ["APPLICATION_SECRET"])
    user, password = identifier(application["username"]), literal(application["password"])
    _database.run(
        "CREATE TABLE IF NOT EXISTS loans "
        "(tool text PRIMARY KEY, member text NOT NULL, since timestamptz NOT NULL DEFAULT now())"
    )
    if not _database.run("SELECT FROM pg_roles WHERE rolname = :u", u=application["username"]):
        _database.run(f"CREATE ROLE {user}")
    _database.run(f"ALTER ROLE {user} LOGIN PASSWORD {password}")
    _database.run(f"GRANT SELECT, INSERT, UPDATE (tool), DELETE ON loans TO {user}")
    return {"user": application["username"], "table": "loans"}

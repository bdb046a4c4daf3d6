"""Opens a connection to PostgreSQL, with TLS and the login of a secret."""

import json
import os
import ssl
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from pg8000.native import Connection

_SECONDS: Final = 4  # at most, to connect and to run one statement
_SETTINGS: Final = Config(connect_timeout=2, read_timeout=2, retries={"max_attempts": 1})
_secrets: Final = boto3.client("secretsmanager", config=_SETTINGS)
_tls: Final = ssl.create_default_context(cadata=Path(os.environ["CERTIFICATE_FILE"]).read_text())


def login_of(secret: str) -> dict[str, str]:
    """The user name and the password in a secret."""
    found: dict[str, str] = json.loads(_secrets.get_secret_value(SecretId=secret)["SecretString"])
    return found


def connect(login: dict[str, str]) -> Any:
    """A new connection."""
    return Connection(
        login["username"],
        password=login["password"],
        host=os.environ["DATABASE_HOST"],
        port=int(os.environ["DATABASE_PORT"]),
        database=os.environ["DATABASE_NAME"],
        ssl_context=_tls,
        timeout=_SECONDS,
    )

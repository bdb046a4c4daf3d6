"""The logger of a function."""

import json
import logging
from typing import Any

import msgspec
from aws_lambda_powertools import Logger


def make_logger() -> Logger:
    """A logger with the function's log level; libraries log warnings and errors only.

    Lambda's runtime client gives the root logger the function's level. If libraries inherited it,
    botocore at DEBUG would log the headers of each request, with the session token of the role.
    """
    logging.getLogger().setLevel(logging.WARNING)
    # Our messages are plain texts: the second argument keeps Powertools from decoding them as JSON.
    return Logger(json_serializer=_as_json, json_deserializer=str)


def _as_json(line: dict[str, Any]) -> str:
    """The line as JSON. Python's own encoder takes eight times as long."""
    try:
        return msgspec.json.encode(line, enc_hook=str).decode()
    except UnicodeEncodeError:  # a lone surrogate, which only an escape can express
        return json.dumps(line, default=str)

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from shared.logs import make_logger


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Logger, io.StringIO]]:
    """A logger, and what it writes."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "test_logs")
    level = logging.getLogger().level
    logger = make_logger()
    stream = logger.registered_handler.stream = io.StringIO()
    yield logger, stream
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Straße", "Straße"),
        ("\ud915", "\ud915"),
        (ValueError("no such photo"), "no such photo"),
        (1.5, 1.5),
        ({"photos": [1, 2]}, {"photos": [1, 2]}),
    ],
)
def test_line_is_json_and_has_any_value(
    written: tuple[Logger, io.StringIO], value: object, expected: object
):
    logger, stream = written
    logger.warning("photo_seen", detail=value)
    line: dict[str, Any] = json.loads(stream.getvalue())
    assert (line["message"], line["detail"]) == ("photo_seen", expected)


def test_message_stays_text(written: tuple[Logger, io.StringIO]):
    logger, stream = written
    logger.warning("404")
    assert json.loads(stream.getvalue())["message"] == "404"

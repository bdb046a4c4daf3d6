"""Requests of the API, and what its handler needs to answer them.

Import this module before the function: it sets the environment that the function reads.
"""

import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "functions"), str(ROOT / "layers")]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_REGION": "eu-central-1",
    "POWERTOOLS_METRICS_NAMESPACE": "gallery",
    "POWERTOOLS_SERVICE_NAME": "gallery_api",
    "API_CALLERS": "cloudfront",
    "REPEATED_VIEWS": "counted",
    "LOGGED_FRACTION": "1",
    "PHOTOS_TABLE": "Photos",
    "CATALOG_TABLE": "Catalog",
    "VIEWS_TABLE": "Views",
    "VIEWS_STREAM": "ViewsStream",
    "IDEMPOTENCY_TABLE": "Idempotency",
    "UPLOADS_BUCKET": "uploads",
    "MEDIA_BUCKET": "media",
}

from gallery_api.handler import logger  # noqa: E402 - only now is it found
from shared.dynamodb import from_item  # noqa: E402
from shared.photos import Photo  # noqa: E402

PAGE_SIZE = 30
OWNER = "3f1c2b7a-90d4-4c1e-8f0a-5d6e7f809112"  # who is signed in, in the events
ROUTES = {
    "GET /health": "get_health",
    "GET /photos": "list_photos",
    "GET /me/photos": "list_own_photos",
    "POST /photos": "create_photo",
    "POST /photos, with a key": "create_photo_with_key",
    "GET /photos/{photo_id}": "get_photo",
    "DELETE /photos/{photo_id}": "delete_photo",
    "POST /photos/{photo_id}/views": "record_view",
    "GET /photos/{photo_id}/views": "get_views",
}


def sample(name: str) -> Any:
    """An event of events/."""
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


EVENTS = {route: sample(f"api_{name}") for route, name in ROUTES.items()}
CONTEXT = SimpleNamespace(
    function_name="gallery_api",
    function_version="42",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:gallery_api:live",
    aws_request_id="5f1f3d5e-0d5b-4f5c-9f0a-1f2e3d4c5b6a",
    get_remaining_time_in_millis=lambda: 25_000,
)
_CHANGE = sample("dynamodb_photo_ready")["Records"][0]["dynamodb"]
ITEM = _CHANGE["NewImage"] | {"owner": {"S": OWNER}}
PHOTO = from_item(ITEM, Photo)
ROWS = [  # one more than a page, in the order of a list
    ITEM | {"photo_id": {"S": f"019aa1a0-{number:04x}-7d11-8a7b-3f2c9d4e5f60"}}
    for number in range(PAGE_SIZE, -1, -1)
]


@contextlib.contextmanager
def written_nowhere() -> Iterator[None]:
    """Logs and metrics of the handler are written as always, and to memory."""
    logging.getLogger().setLevel("WARNING")
    logger.registered_handler.setStream(io.StringIO())
    with contextlib.redirect_stdout(io.StringIO()):
        yield

"""One example of each model for docs/openapi.json, built from the models themselves."""

from typing import Any, Final

import msgspec

from gallery_api.cursors import encode_cursor
from gallery_api.models import (
    CreatedPhoto,
    Health,
    MinuteViews,
    NewPhoto,
    PhotoPage,
    PhotoViews,
    PublicPhoto,
    PublicRendition,
    RecordedView,
    Upload,
)
from shared.photos import Status, rendition_key, upload_key

_ID: Final = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"
_NEW: Final = NewPhoto(title="Harbour at dawn", content_type="image/jpeg", bytes=3_145_728)
_PENDING: Final = PublicPhoto(
    photo_id=_ID,
    status=Status.PENDING,
    title=_NEW.title,
    content_type=_NEW.content_type,
    bytes=_NEW.bytes,
    renditions={},
    created_at="2026-11-20T12:34:56.789Z",
    version=1,
)
_SIZES: Final = {"thumb": (256, 192), "small": (640, 480), "large": (1600, 1200)}
_READY: Final = msgspec.structs.replace(
    _PENDING,
    status=Status.READY,
    width=4000,
    height=3000,
    color="#7a8ea3",
    renditions={
        name: PublicRendition(
            path="/" + rendition_key(_ID, "9b2cf535f27731c974343645a3985328", name),
            width=width,
            height=height,
            bytes=width * height // 8,
        )
        for name, (width, height) in _SIZES.items()
    },
    uploaded_at="2026-11-20T12:34:58.000Z",
    ready_at="2026-11-20T12:34:58.467Z",
    version=2,
)
_LISTED: Final = msgspec.structs.replace(_READY, replicated_at="2026-11-20T12:34:58.902Z")
_VIEWS: Final = PhotoViews(
    photo_id=_ID,
    total=1234,
    counted_at="2026-11-20T12:35:08.045Z",
    minutes=[MinuteViews("2026-11-20T12:34Z", 3), MinuteViews("2026-11-20T12:35Z", 1)],
)
_MODELS: Final = [
    _NEW,
    CreatedPhoto(
        photo=_PENDING,
        upload=Upload(
            method="PUT",
            url=f"https://uploads.s3.eu-central-1.amazonaws.com/{upload_key(_ID)}?X-Amz-Signature=…",
            headers={"Content-Type": "image/jpeg", "If-None-Match": "*"},
            expires_at="2026-11-20T12:49:56.000Z",
        ),
    ),
    PhotoPage(photos=[_LISTED], cursor=encode_cursor(_ID)),
    _READY,
    RecordedView(photo_id=_ID, viewed_at="2026-11-20T12:35:09.123Z", views=_VIEWS),
    _VIEWS,
    Health(status="ok", version="42", region="eu-central-1"),
]
EXAMPLES: Final[dict[str, Any]] = {
    "photo_id": _ID,
    "cursor": encode_cursor(_ID),
    **{type(model).__name__: msgspec.to_builtins(model) for model in _MODELS},
}

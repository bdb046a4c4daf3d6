"""A READY photo for tests that change or copy its record."""

from typing import Final

from shared.photos import Photo, Rendition, Status

READY_PHOTO: Final = Photo(
    photo_id="019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
    version=2,
    status=Status.READY,
    owner="somebody",
    title="Harbour at dawn",
    content_type="image/jpeg",
    bytes=1000,
    created_at="2026-11-20T12:34:56.789Z",
    width=4000,
    height=3000,
    color="#336699",
    etag="abc",
    renditions={"thumb": Rendition(key="photos/a/abc/thumb.webp", width=4, height=3, bytes=9)},
    uploaded_at="2026-11-20T12:35:00.000Z",
    ready_at="2026-11-20T12:35:01.000Z",
)

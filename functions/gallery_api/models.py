"""What the API takes and gives, as JSON."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.photos import MAX_UPLOAD_BYTES, Photo, Status

ContentType = Literal[
    "image/avif",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/jpeg",
    "image/png",
    "image/webp",
]


class NewPhoto(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `POST /photos` takes, and the gateway's model of the same name with it.

    A field's description completes the sentence "<field> must be …".
    """

    title: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern=r"\S",
            description="a string of 1 to 200 characters, not only blanks",
        ),
    ]
    content_type: Annotated[
        ContentType, Meta(description=f"one of {', '.join(ContentType.__args__)}")
    ]
    bytes: Annotated[
        int,
        Meta(ge=1, le=MAX_UPLOAD_BYTES, description=f"a whole number from 1 to {MAX_UPLOAD_BYTES}"),
    ]


class PublicRendition(msgspec.Struct, frozen=True):
    """One size of a photo; `path` is on the gallery's own host."""

    path: str
    width: int
    height: int
    bytes: int


class PublicPhoto(msgspec.Struct, frozen=True):
    """A photo as anyone may see it; what is not known yet is null."""

    photo_id: str
    status: Status
    error: str | None
    title: str
    content_type: str
    bytes: int
    width: int | None
    height: int | None
    color: str | None
    renditions: dict[str, PublicRendition]
    created_at: str
    uploaded_at: str | None
    ready_at: str | None
    version: int


class Upload(msgspec.Struct, frozen=True):
    """A form to post the photo with: `fields` first, then the file as the field `file`."""

    url: str
    fields: dict[str, str]
    expires_at: str


class CreatedPhoto(msgspec.Struct, frozen=True):
    """What `POST /photos` answers."""

    photo: PublicPhoto
    upload: Upload


class Health(msgspec.Struct, frozen=True):
    """What `GET /health` answers."""

    status: str
    version: str
    region: str


def public_photo(photo: Photo) -> PublicPhoto:
    """The part of a photo's record that is anyone's."""
    return PublicPhoto(
        photo_id=photo.photo_id,
        status=photo.status,
        error=photo.error,
        title=photo.title,
        content_type=photo.content_type,
        bytes=photo.bytes,
        width=photo.width,
        height=photo.height,
        color=photo.color,
        renditions={
            name: PublicRendition(
                path=f"/{rendition.key}",
                width=rendition.width,
                height=rendition.height,
                bytes=rendition.bytes,
            )
            for name, rendition in photo.renditions.items()
        },
        created_at=photo.created_at,
        uploaded_at=photo.uploaded_at,
        ready_at=photo.ready_at,
        version=photo.version,
    )

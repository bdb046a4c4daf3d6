"""Requests and answers of the API, as JSON."""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from shared.photos import MAX_UPLOAD_BYTES, Photo, Status

PhotoId = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
ContentType = Literal[
    "image/avif", "image/gif", "image/heic", "image/heif", "image/jpeg", "image/png", "image/webp"
]

_VISIBLE_CATEGORIES: Final = "LNPS"  # letters, numbers, punctuation and symbols
_BLANK_LETTERS_AND_SYMBOLS: Final = frozenset(
    (
        "\N{HANGUL CHOSEONG FILLER}",
        "\N{HANGUL JUNGSEONG FILLER}",
        "\N{HANGUL FILLER}",
        "\N{HALFWIDTH HANGUL FILLER}",
        "\N{BRAILLE PATTERN BLANK}",
    )
)


class NewPhoto(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /photos`."""

    # template.yaml has a model of the same name, and web/uploads.js cuts titles at MAX_CHARACTERS.
    # A description completes "<field> must be …".
    title: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            pattern=r"\S",
            description="a string of 1 to 200 characters, at least one of them visible",
        ),
    ]
    content_type: Annotated[
        ContentType, Meta(description=f"one of {', '.join(ContentType.__args__)}")
    ]
    bytes: Annotated[
        int,
        Meta(ge=1, le=MAX_UPLOAD_BYTES, description=f"a whole number from 1 to {MAX_UPLOAD_BYTES}"),
    ]

    def __post_init__(self) -> None:
        """Refuse titles without a visible character; patterns cannot express that portably.

        Raises:
            ValueError: names the field as msgspec does.
        """
        if not has_visible_character(self.title):
            raise ValueError("Expected a visible character - at `$.title`")


class PublicRendition(msgspec.Struct, frozen=True):
    """One size of a photo; `path` is on the gallery's own host."""

    path: str
    width: int
    height: int
    bytes: int


class PublicPhoto(msgspec.Struct, frozen=True, kw_only=True):
    """What the API shows of a photo; what is not known yet is null.

    Only the photos of `GET /photos` have `replicated_at`, because only the catalog knows it.
    """

    photo_id: PhotoId
    status: Status
    error: str | None = None
    title: str
    content_type: str
    bytes: int
    width: int | None = None
    height: int | None = None
    color: str | None = None
    renditions: dict[str, PublicRendition]
    created_at: Timestamp
    uploaded_at: Timestamp | None = None
    ready_at: Timestamp | None = None
    replicated_at: Timestamp | None = None
    version: int


class Upload(msgspec.Struct, frozen=True):
    """The request that uploads the photo: the file is its body.

    S3 answers 403 if the file does not have exactly the announced size, and 412 if a file is stored
    already.
    """

    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: Timestamp


class CreatedPhoto(msgspec.Struct, frozen=True):
    """The answer of `POST /photos`."""

    photo: PublicPhoto
    upload: Upload


class PhotoPage(msgspec.Struct, frozen=True):
    """A page of a list; `cursor` requests the next page, and is null on the last one."""

    photos: list[PublicPhoto]
    cursor: str | None


class MinuteViews(msgspec.Struct, frozen=True):
    """The views of a photo in one minute, which is written `2026-11-20T12:34Z`."""

    minute: str
    views: int


class PhotoViews(msgspec.Struct, frozen=True):
    """The answer of `GET /photos/{photo_id}/views`; `counted_at` is null before the first view."""

    photo_id: PhotoId
    total: int
    counted_at: Timestamp | None
    minutes: list[MinuteViews]


class RecordedView(msgspec.Struct, frozen=True):
    """A view that the stream has accepted, and the counts before it.

    `views` does not have this view yet: `GET /photos/{photo_id}/views` has it some seconds later.
    It is null if the counts could not be read. The view is accepted then as well.
    """

    photo_id: PhotoId
    viewed_at: Timestamp
    views: PhotoViews | None


class Health(msgspec.Struct, frozen=True):
    """The answer of `GET /health`."""

    status: str
    version: str
    region: str


def public_photo(row: Photo | Mapping[str, Any]) -> PublicPhoto:
    """What the API shows of a photo, from its record or its catalog row."""
    values = msgspec.to_builtins(row) if isinstance(row, Photo) else row
    renditions = {
        name: {**rendition, "path": f"/{rendition['key']}"}
        for name, rendition in values.get("renditions", {}).items()
    }
    return msgspec.convert({**values, "renditions": renditions}, PublicPhoto)


def has_visible_character(text: str) -> bool:
    """Whether `text` has more than blanks, control characters, marks and invisible characters."""
    return any(
        unicodedata.category(character)[0] in _VISIBLE_CATEGORIES
        and character not in _BLANK_LETTERS_AND_SYMBOLS
        for character in text
    )

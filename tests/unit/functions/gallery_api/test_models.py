import unicodedata
from typing import Any

import msgspec
import pytest

from gallery_api.models import has_visible_character, public_photo
from shared.dynamodb import from_item, to_item
from shared.photos import Photo, Rendition, Status

PENDING = Photo(
    photo_id="019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
    version=1,
    status=Status.PENDING,
    owner="somebody",
    title="Harbour at dawn",
    content_type="image/jpeg",
    bytes=1000,
    created_at="2026-11-20T12:34:56.789Z",
)


def test_public_photo_has_no_owner_and_no_upload():
    photo = msgspec.structs.replace(PENDING, etag="abc", expires_at=1795178096)
    hidden = set(photo.__struct_fields__) - set(public_photo(photo).__struct_fields__)
    assert hidden == {"owner", "etag", "expires_at", "correlation_id"}, (
        "Left: fields of Photo that PublicPhoto does not have. Add a public field to PublicPhoto,"
        " and name a private one here."
    )


def test_public_photo_says_null_for_what_is_not_known_yet():
    public = msgspec.to_builtins(public_photo(PENDING))
    unknown = {name for name, value in public.items() if value is None}
    assert unknown == {
        "error",
        "width",
        "height",
        "color",
        "uploaded_at",
        "ready_at",
        "replicated_at",
    }
    assert public["renditions"] == {}


def test_public_photo_names_renditions_by_path():
    key = "photos/019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60/abc/thumb.webp"
    photo = msgspec.structs.replace(
        PENDING, renditions={"thumb": Rendition(key=key, width=256, height=192, bytes=9000)}
    )
    assert msgspec.to_builtins(public_photo(photo).renditions) == {
        "thumb": {"path": f"/{key}", "width": 256, "height": 192, "bytes": 9000}
    }


def test_row_with_an_attribute_of_another_tool_has_a_public_view():
    item: Any = {**to_item(PENDING), "of_another_tool": {"B": b"harbour"}}
    assert public_photo(from_item(item, dict)) == public_photo(PENDING)


def test_public_photo_has_the_time_of_replication_only_from_the_catalog():
    row = {
        **msgspec.to_builtins(PENDING),
        "feed": "photos",
        "replicated_at": "2026-11-20T12:35:02Z",
    }
    assert public_photo(row).replicated_at == "2026-11-20T12:35:02Z"
    assert public_photo(PENDING).replicated_at is None


@pytest.mark.parametrize(
    "title",
    [
        "\x00",
        "\x7f\x85",
        "\N{SOFT HYPHEN}",
        "\N{COMBINING GRAPHEME JOINER}",
        "\N{HANGUL CHOSEONG FILLER}\N{HANGUL JUNGSEONG FILLER}",
        "\N{HANGUL FILLER}\N{HALFWIDTH HANGUL FILLER}",
        "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}",
        "\N{RIGHT-TO-LEFT OVERRIDE} \N{POP DIRECTIONAL FORMATTING}",
        "\N{BRAILLE PATTERN BLANK}",
        "\N{IDEOGRAPHIC SPACE}\N{ZERO WIDTH NO-BREAK SPACE}",
        "\N{VARIATION SELECTOR-16}",
        "\U000e0041",
        "\ue000\U0010ffff",
    ],
)
def test_title_without_a_visible_character_is_found(title: str):
    assert not has_visible_character(title)
    assert has_visible_character(f"{title}a")


@pytest.mark.parametrize(
    "title", ["a", "7", "!", "€", "é", "写", "한", "ⵣ", "\N{CAMERA}", "👩‍👩‍👧"]
)
def test_visible_title_is_accepted(title: str):
    assert has_visible_character(title)
    assert has_visible_character(unicodedata.normalize("NFD", title))

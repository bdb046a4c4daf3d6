from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.photo_ids import is_photo_id, new_photo_id

moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_photo_id_is_a_uuid_of_version_7(moment: datetime):
    uuid = UUID(new_photo_id(moment))
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")


@given(moments)
def test_photo_id_carries_the_millisecond_it_was_made(moment: datetime):
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert UUID(new_photo_id(moment)).int >> 80 == since_epoch // timedelta(milliseconds=1)


def test_photo_ids_sort_by_time():
    start = datetime(2026, 11, 20, tzinfo=UTC)
    ids = [new_photo_id(start + timedelta(milliseconds=n)) for n in range(1000)]
    assert ids == sorted(ids)


def test_photo_ids_of_one_millisecond_differ():
    now = datetime(2026, 11, 20, tzinfo=UTC)
    assert len({new_photo_id(now) for _ in range(10_000)}) == 10_000


@given(moments)
def test_photo_id_is_recognized(moment: datetime):
    assert is_photo_id(new_photo_id(moment))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60\n",
        "019AA1A0-5E3C-7D11-8A7B-3F2C9D4E5F60",
        "019aa1a05e3c7d118a7b3f2c9d4e5f60",
        "019aa1a0-5e3c-4d11-8a7b-3f2c9d4e5f60",
        "019aa1a0-5e3c-7d11-7a7b-3f2c9d4e5f60",
        "\N{ARABIC-INDIC DIGIT ZERO}19aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
    ],
)
def test_other_text_is_not_recognized_as_a_photo_id(text: str):
    assert not is_photo_id(text)

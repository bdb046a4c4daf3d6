import base64
import binascii
import re
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gallery_api.cursors import decode_cursor, encode_cursor
from gallery_api.problems import ProblemError
from shared.photo_ids import is_photo_id, new_photo_id

moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_cursor_holds_the_photo_id_that_was_put_in(moment: datetime):
    photo_id = new_photo_id(moment)
    assert decode_cursor(encode_cursor(photo_id)) == photo_id


@given(moments)
def test_cursor_needs_no_encoding_in_a_query(moment: datetime):
    cursor = encode_cursor(new_photo_id(moment))
    assert re.fullmatch("[A-Za-z0-9_-]{22}", cursor)


@given(
    st.text()
    | st.text("ABCDwxyz0189-_=+/ \n", min_size=20, max_size=26)
    | st.binary(max_size=20).map(lambda octets: base64.urlsafe_b64encode(octets).decode())
    | st.binary(min_size=16, max_size=16).map(
        lambda octets: binascii.b2a_base64(octets, newline=False).decode().rstrip("=")
    )
)
@example("")
@example("=")
@example("A")
@example("é")
@example(encode_cursor("019aa1a0-5e3c-4d11-8a7b-3f2c9d4e5f60"))
@example(encode_cursor("019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60") + "\n")
@example(encode_cursor("019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60") + "==")
@example(encode_cursor("019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60")[:-1] + "B")
def test_text_is_refused_or_the_one_cursor_of_a_photo_id(text: str):
    try:
        photo_id = decode_cursor(text)
    except ProblemError:
        return
    assert is_photo_id(photo_id)
    assert encode_cursor(photo_id) == text


@pytest.mark.parametrize(
    "cursor",
    [
        encode_cursor("019aa1a0-5e3c-4d11-8a7b-3f2c9d4e5f60"),
        encode_cursor("019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60")[:-1] + "B",
        "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
    ],
    ids=["another version", "loose bits", "the id itself"],
)
def test_foreign_cursor_is_refused(cursor: str):
    with pytest.raises(ProblemError, match="cursor must be one from an earlier answer") as raised:
        decode_cursor(cursor)
    assert raised.value.status == HTTPStatus.BAD_REQUEST

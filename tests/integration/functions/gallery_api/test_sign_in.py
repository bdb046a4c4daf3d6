"""Authorization: the gateway validates the token, the function checks its kind."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.gallery_api import OWNER, Api, assert_problem, put, stored
from tests.support.moto_stack import MotoStack

ASKING = ["create_photo", "create_photo_with_key", "delete_photo", "list_own_photos"]
NOT_SIGNED_IN = [
    {},
    {"sub": OWNER},
    {"token_use": "id"},
    {"sub": "", "token_use": "id"},
    {"sub": OWNER, "token_use": "access"},
    {"sub": OWNER, "token_use": "ID"},
    {"username": OWNER, "token_use": "id"},
]


@pytest.mark.parametrize("claims", NOT_SIGNED_IN, ids=str)
@pytest.mark.parametrize("name", ASKING)
def test_other_claims_than_of_an_id_token_are_refused(
    stack: MotoStack, api: Api, name: str, claims: dict[str, str]
):
    photo = put(stack)
    answer = api.call(name, claims)
    assert_problem(answer, 401)
    assert answer.headers["WWW-Authenticate"] == ["Bearer"]
    assert stored(stack) == [photo]


@pytest.mark.parametrize("context", [{}, {"authorizer": None}, {"authorizer": {"claims": None}}])
@pytest.mark.parametrize("name", ASKING)
def test_request_that_no_authorizer_has_seen_is_refused(
    api: Api, name: str, context: dict[str, object]
):
    request_context = {
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "path": "/",
        "identity": {"sourceIp": "192.0.2.1"},
    }
    assert_problem(api.call(name, requestContext=request_context | context), 401)


def test_token_is_checked_before_the_body(api: Api):
    assert_problem(api.call("create_photo", {}, body="{"), 401)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20
)
@given(owner=st.text(min_size=1).filter(lambda text: text.isprintable() and text.strip()))
def test_owner_is_the_subject_of_the_token_in_any_form(stack: MotoStack, api: Api, owner: str):
    photo_id = api.create(owner=owner).body["photo"]["photo_id"]
    [photo] = [photo for photo in stored(stack) if photo.photo_id == photo_id]
    assert photo.owner == owner
    assert [each["photo_id"] for each in api.list_own(owner, limit="1").body["photos"]] == [
        photo_id
    ]


@pytest.mark.parametrize("name", ["list_photos", "get_photo", "get_views", "get_health"])
def test_reading_needs_no_token(stack: MotoStack, api: Api, name: str):
    put(stack)
    assert api.call(name).status == 200

"""A deletion and a concurrent run of the thumbnailer leave nothing, in any order."""

from types import ModuleType

import pytest

from shared.photos import Status, upload_key
from tests.support.faults import once
from tests.support.gallery_api import Answer, Api
from tests.support.moto_stack import MotoStack
from tests.support.uploads import LambdaContext, Uploads, jpeg

AT_WORK = [
    f"{when}.{call}"
    for call in ("dynamodb.GetItem", "s3.GetObject", "s3.PutObject", "dynamodb.UpdateItem")
    for when in ("before-call", "after-call")
]


@pytest.fixture(scope="module")
def thumbnailer(stack: MotoStack, function: Api) -> ModuleType:  # noqa: ARG001 - imported before
    return stack.handler("thumbnailer")


@pytest.fixture
def uploads(stack: MotoStack, api: Api) -> Uploads:  # noqa: ARG001 - which empties all
    return Uploads(stack)


def assert_nothing_is_left(stack: MotoStack, uploads: Uploads, photo_id: str) -> None:
    assert uploads.photo(photo_id).status is Status.DELETED
    assert uploads.stored_renditions(photo_id) == set()
    stored = stack.s3.list_objects_v2(
        Bucket=stack.names["UploadsBucket"], Prefix=upload_key(photo_id)
    )
    assert stored["KeyCount"] == 0


@pytest.mark.parametrize("moment", AT_WORK)
def test_photo_deleted_while_the_thumbnailer_processes_it(
    stack: MotoStack, api: Api, thumbnailer: ModuleType, uploads: Uploads, moment: str
):
    photo_id = api.create().body["photo"]["photo_id"]
    event = uploads.upload(photo_id, jpeg())
    answers: list[Answer] = []
    client = getattr(thumbnailer.thumbnailer, moment.split(".")[1])
    with once(client, moment, lambda: answers.append(api.delete(photo_id))):
        thumbnailer.handler(event, LambdaContext())
    assert [answer.status for answer in answers] == [204]
    assert_nothing_is_left(stack, uploads, photo_id)


@pytest.mark.parametrize(
    "moment",
    [
        "before-call.dynamodb.UpdateItem",
        "after-call.dynamodb.UpdateItem",
        "before-call.s3.DeleteObject",
        "before-call.s3.ListObjectsV2",
        "after-call.s3.ListObjectsV2",
        "before-call.dynamodb.Query",
    ],
)
def test_thumbnailer_that_begins_while_the_photo_is_deleted(
    stack: MotoStack, api: Api, thumbnailer: ModuleType, uploads: Uploads, moment: str
):
    photo_id = api.create().body["photo"]["photo_id"]
    event = uploads.upload(photo_id, jpeg())
    client = getattr(api.resources, moment.split(".")[1])
    with once(client, moment, lambda: thumbnailer.handler(event, LambdaContext())):
        assert api.delete(photo_id).status == 204
    assert_nothing_is_left(stack, uploads, photo_id)


def test_upload_after_the_deletion_makes_no_renditions_and_is_deleted_by_a_retry(
    stack: MotoStack, api: Api, thumbnailer: ModuleType, uploads: Uploads
):
    photo_id = api.create().body["photo"]["photo_id"]
    assert api.delete(photo_id).status == 204
    thumbnailer.handler(uploads.upload(photo_id, jpeg()), LambdaContext())
    assert uploads.stored_renditions(photo_id) == set()
    assert api.delete(photo_id).status == 204
    assert_nothing_is_left(stack, uploads, photo_id)

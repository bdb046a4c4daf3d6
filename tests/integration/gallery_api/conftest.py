from collections.abc import Iterator

import pytest

from tests.gallery_api import Api, stored
from tests.stack import Stack, mocked_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One stack for all tests here: importing the function is what takes the time."""
    with pytest.MonkeyPatch.context() as monkeypatch, mocked_stack(monkeypatch) as stack:
        yield stack


@pytest.fixture(scope="module")
def function(stack: Stack) -> Api:
    return Api(stack)


@pytest.fixture
def api(stack: Stack, function: Api) -> Api:
    """The function, with an empty table and nothing logged."""
    for photo in stored(stack):
        key = {"photo_id": {"S": photo.photo_id}}
        stack.dynamodb.delete_item(TableName=stack.names["PhotosTable"], Key=key)
    function.log.seek(0)
    function.log.truncate()
    return function

"""The tables in memory accept and refuse a version of a photo as DynamoDB does."""

from typing import Any

import pytest

from fakes.tables import Tables
from tests.support.moto_stack import MotoStack

PHOTO_ID = "019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60"


@pytest.mark.parametrize("table", ["PhotosTable", "CatalogTable"])
def test_conditional_put_has_the_same_outcome(stack: MotoStack, table: str):
    memory: Any = Tables(**{table: ("photo_id",)})
    put: dict[str, Any] = {
        "TableName": table,
        "ConditionExpression": "attribute_not_exists(photo_id) OR version < :version",
    }
    for client in (stack.dynamodb, memory):
        for version, is_newer in ((2, True), (2, False), (1, False), (10, True)):
            number = {"N": str(version)}
            request = put | {
                "Item": {"photo_id": {"S": PHOTO_ID}, "version": number},
                "ExpressionAttributeValues": {":version": number},
            }
            if is_newer:
                client.put_item(**request)
            else:
                with pytest.raises(client.exceptions.ConditionalCheckFailedException):
                    client.put_item(**request)
        found = client.get_item(TableName=table, Key={"photo_id": {"S": PHOTO_ID}})
        assert found["Item"]["version"] == {"N": "10"}

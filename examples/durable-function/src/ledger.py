"""What the job reads and writes. Each write has its effect once, however often it is repeated."""

import os
from typing import Final

import boto3

TABLE: Final = os.environ["ROYALTIES_TABLE"]
NEW: Final = "attribute_not_exists(cents)"
dynamodb: Final = boto3.client("dynamodb")


def shares(period: str) -> dict[str, int]:
    """The cents that each author has earned in a period."""
    found: dict[str, int] = {}
    pages = dynamodb.get_paginator("query").paginate(
        TableName=TABLE,
        KeyConditionExpression="#group = :period AND begins_with(#item, :sale)",
        ExpressionAttributeNames={"#group": "group", "#item": "item"},
        ExpressionAttributeValues={":period": {"S": period}, ":sale": {"S": "sale#"}},
    )
    for sale in (item for page in pages for item in page["Items"]):
        author = sale["author"]["S"]
        found[author] = found.get(author, 0) + int(sale["cents"]["N"])
    return found


def pay(period: str, author: str, cents: int) -> bool:
    """Add to an author's balance; False if this payment was made before."""
    number = {"N": str(cents)}
    payment = _key(period, f"paid#{author}") | {"cents": number}
    try:
        dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": TABLE, "Item": payment, "ConditionExpression": NEW}},
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": _key("balances", author),
                        "UpdateExpression": "ADD cents :cents",
                        "ExpressionAttributeValues": {":cents": number},
                    }
                },
            ]
        )
    except dynamodb.exceptions.TransactionCanceledException as error:
        if error.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
            raise
        return False
    return True


def close(period: str) -> None:
    """Mark a period as closed."""
    dynamodb.put_item(TableName=TABLE, Item=_key("closed", period))


def _key(group: str, item: str) -> dict[str, dict[str, str]]:
    return {"group": {"S": group}, "item": {"S": item}}

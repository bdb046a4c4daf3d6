"""`python -m try_it`: sends one view into the stream, and waits for the photo's total."""

import json

import boto3

from tools.extract.try_it.photos import new_photo_id, now
from tools.extract.try_it.stack import arguments, awaited, outputs


def main() -> None:
    names = outputs(arguments().stack)
    photo_id = new_photo_id()
    boto3.client("kinesis").put_record(
        StreamName=names["ViewsStreamName"],
        PartitionKey=photo_id,
        Data=json.dumps({"photo_id": photo_id, "viewed_at": now()}).encode(),
    )
    print(f"sent a view of {photo_id}")
    key = {"photo_id": {"S": photo_id}, "period": {"S": "total"}}
    row = awaited(
        "row in the views table",
        lambda: (
            boto3.client("dynamodb")
            .get_item(TableName=names["ViewsTableName"], Key=key)
            .get("Item")
        ),
    )
    print(f"counted: {row['views']['N']} view in total" if row else "not counted")


if __name__ == "__main__":
    main()

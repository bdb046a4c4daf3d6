"""`python -m try_it`: writes a READY photo, and waits for its row in the catalog."""

import boto3

from tools.extract.try_it.photos import new_photo_id, ready
from tools.extract.try_it.stack import arguments, awaited, outputs


def main() -> None:
    names = outputs(arguments().stack)
    dynamodb = boto3.client("dynamodb")
    photo_id = new_photo_id()
    dynamodb.put_item(TableName=names["PhotosTableName"], Item=ready(photo_id))
    print(f"wrote {photo_id}")
    key = {"photo_id": {"S": photo_id}}
    row = awaited(
        "row in the catalog",
        lambda: dynamodb.get_item(TableName=names["CatalogTableName"], Key=key).get("Item"),
    )
    print(f"replicated: {', '.join(sorted(row or {}))}")


if __name__ == "__main__":
    main()

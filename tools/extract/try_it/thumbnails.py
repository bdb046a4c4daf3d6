"""`python -m try_it`: uploads a photo, and waits until its record is READY."""

import io

import boto3
from PIL import Image

from tools.extract.try_it.photos import new_photo_id, pending
from tools.extract.try_it.stack import arguments, awaited, outputs


def main() -> None:
    names = outputs(arguments().stack)
    dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
    photo_id = new_photo_id()
    dynamodb.put_item(TableName=names["PhotosTableName"], Item=pending(photo_id))
    file = io.BytesIO()
    Image.new("RGB", (800, 600), "teal").save(file, "PNG")
    s3.put_object(
        Bucket=names["UploadsBucketName"], Key=f"uploads/{photo_id}", Body=file.getvalue()
    )
    print(f"uploaded {photo_id}")

    def is_ready() -> bool:
        item = dynamodb.get_item(
            TableName=names["PhotosTableName"],
            Key={"photo_id": {"S": photo_id}},
            ConsistentRead=True,
        )["Item"]
        return item["status"]["S"] == "READY"

    awaited("READY photo", is_ready)
    listed = s3.list_objects_v2(Bucket=names["MediaBucketName"], Prefix=f"photos/{photo_id}/")
    for rendition in listed["Contents"]:
        print(f"READY {rendition['Key']} ({rendition['Size']} bytes)")


if __name__ == "__main__":
    main()

"""`python -m try_it`: publishes a page, and prints the headers that the function adds to it."""

import urllib.request

import boto3

from tools.extract.try_it.photos import new_photo_id, ready
from tools.extract.try_it.stack import arguments, outputs


def main() -> None:
    given = arguments()
    names = outputs(given.stack)
    photo_id = new_photo_id()
    boto3.client("dynamodb").put_item(TableName=names["CatalogTableName"], Item=ready(photo_id))
    boto3.client("s3").put_object(
        Bucket=names["SiteBucketName"],
        Key="photo.html",
        Body=b"<!doctype html><title>A photo</title>",
        ContentType="text/html; charset=utf-8",
    )
    url = f"{given.url or names['PageUrl']}/photo.html?id={photo_id}"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310
        print(f"{answer.status} {url}")
        for name in ("Content-Security-Policy", "Strict-Transport-Security", "Link"):
            print(f"{name}: {answer.headers[name]}")


if __name__ == "__main__":
    main()

import os

import boto3
from short import shortened

table = boto3.resource("dynamodb").Table(os.environ["LINKS"])


def write(event, context):
    link = shortened(event["url"])
    table.put_item(Item={"id": link, "url": event["url"], "kind": os.environ["KIND"]})
    return link


def read(event, context):
    link = event["rawPath"].removeprefix("/")
    if not link:
        return {name: os.environ[name.upper()] for name in ("domain", "contact", "team")}
    return table.get_item(Key={"id": link})["Item"]

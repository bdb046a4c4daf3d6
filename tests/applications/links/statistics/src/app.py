import os

import boto3


def count(event, context):
    return boto3.client("dynamodb").scan(TableName=os.environ["LINKS"])["Count"]

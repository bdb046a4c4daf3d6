"""On-failure destinations, written under the function's role."""

import json

from localcloud.cloud import Cloud
from localcloud.event_sources.failures import DestinationError, Discarded
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.role_clients import RoleClients
from localcloud.event_sources.tasks import Destination


def destination(
    mapping: EventSourceMapping, clients: RoleClients, cloud: Cloud
) -> Destination | None:
    """Where a mapping's discarded records go, if anywhere.

    Raises:
        ValueError: the destination is not a queue, a topic or a bucket.
    """
    if not mapping.destination:
        return None
    service, _, account, resource = mapping.destination.split(":", 5)[2:]
    match service:
        case "s3":
            return lambda discarded: _to_bucket(clients, resource, discarded)
        case "sqs":
            # Composed here: GetQueueUrl would need a permission that the role does not need on AWS.
            url = f"{cloud.endpoint}/{account}/{resource}"
            return lambda discarded: _to_queue(clients, url, discarded)
        case "sns":
            arn = mapping.destination
            return lambda discarded: _to_topic(clients, arn, discarded)
    raise ValueError(f"{mapping.destination} is not an SQS queue, SNS topic or S3 bucket.")


def _to_bucket(clients: RoleClients, bucket: str, discarded: Discarded) -> None:
    body = json.dumps(discarded.document_with_payload()).encode()
    with clients.calling("s3", DestinationError) as s3:
        s3.put_object(Bucket=bucket, Key=discarded.object_key(), Body=body)


def _to_queue(clients: RoleClients, url: str, discarded: Discarded) -> None:
    with clients.calling("sqs", DestinationError) as sqs:
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(discarded.document()))


def _to_topic(clients: RoleClients, arn: str, discarded: Discarded) -> None:
    with clients.calling("sns", DestinationError) as sns:
        sns.publish(TopicArn=arn, Message=json.dumps(discarded.document()))

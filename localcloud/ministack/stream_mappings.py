"""Switches ministack's pollers off, because localcloud's engines run event source mappings.

Runs inside ministack's process. ministack would poll a mapping from its creation until the engine
disables it, streams from another position than the engine: records were delivered twice.
"""


def install() -> None:
    """Replace ministack's pollers of Kinesis and DynamoDB streams and of SQS queues."""
    from ministack.services import lambda_svc  # noqa: PLC0415 - not in the development environment

    lambda_svc._poll_kinesis = _poll_nothing  # noqa: SLF001
    lambda_svc._poll_sqs = _poll_nothing  # noqa: SLF001
    lambda_svc._poll_dynamodb_streams = _poll_nothing  # noqa: SLF001


def _poll_nothing() -> bool:
    """Whether there was a record, as ministack's pollers answer."""
    return False

"""Event source mappings of streams, which localcloud's own engine runs; inside ministack's process.

ministack would poll such a mapping from the moment that it is created or enabled, from a position
of its own, until the engine has disabled it: records were delivered twice.
"""


def install() -> None:
    """Leave out ministack's pollers of Kinesis and DynamoDB streams."""
    from ministack.services import lambda_svc  # noqa: PLC0415 - not in the development environment

    lambda_svc._poll_kinesis = _poll_nothing  # noqa: SLF001
    lambda_svc._poll_dynamodb_streams = _poll_nothing  # noqa: SLF001


def _poll_nothing() -> bool:
    """Whether there was a record, as ministack's pollers answer."""
    return False

"""Published versions of a Lambda function, and the deletion of one."""

from typing import Any, Final

from botocore.exceptions import ClientError

from ops.stacks import OperationError

LATEST: Final = "$LATEST"
_REPLICATED: Final = "replicated function"


def list_versions(client: Any, function: str) -> dict[str, dict[str, Any]]:
    """The configurations of all versions and of $LATEST, by version."""
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    return {each["Version"]: each for page in pages for each in page["Versions"]}


def delete_version(client: Any, function: str, version: int) -> bool:
    """Delete a version. Returns False if CloudFront still has replicas of it.

    Raises:
        OperationError: Lambda refuses the deletion for another reason.
    """
    try:
        client.delete_function(FunctionName=function, Qualifier=str(version))
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if is_replicated(message):
            return False
        raise OperationError(
            f"Lambda refused to delete version {version} of {function}: {message}"
        ) from error
    return True


def is_replicated(refusal: str) -> bool:
    """Whether Lambda refuses a deletion because CloudFront still has replicas of the function."""
    return _REPLICATED in refusal

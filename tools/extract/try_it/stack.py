"""The deployed stack, on a laptop or in an account, as the environment's AWS variables say."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

_SECONDS: Final = 120  # for the first start of a function


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m try_it", description=__doc__)
    parser.add_argument("--stack", required=True, help="the name of the stack")
    parser.add_argument("--url", help="the address of CloudFront, if not that in the outputs")
    return parser.parse_args()


def outputs(stack: str) -> dict[str, str]:
    """The outputs of a stack by name; the program ends if the stack cannot be read."""
    try:
        [described] = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"Stack {stack} cannot be read: {error}")
    return {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}


def awaited[T](what: str, find: Callable[[], T]) -> T:
    """The first answer of `find` that is not empty; the program ends if there is none in time."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if found := find():
            return found
        time.sleep(0.2)
    sys.exit(f"No {what} after {_SECONDS} seconds. The logs of the function may say why.")

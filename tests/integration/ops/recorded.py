"""Recorded answers of AWS, each for one expected request, in this order."""

from typing import Any

import boto3
from botocore.stub import Stubber

from ops.stacks import Account

ACCOUNT = "123456789012"
REGION = "us-east-1"


class Recorded:
    """Clients of an account that answer what was recorded; botocore checks every parameter."""

    def __init__(self) -> None:
        self._stubbers: dict[str, Stubber] = {}
        self.account = Account(self, ACCOUNT, REGION)

    def client(self, service: str, **_: Any) -> Any:
        return self._stubber(service).client

    def _stubber(self, service: str) -> Stubber:
        if service not in self._stubbers:
            client = boto3.client(
                service, REGION, aws_access_key_id="testing", aws_secret_access_key="testing"
            )
            self._stubbers[service] = Stubber(client)
            self._stubbers[service].activate()
        return self._stubbers[service]

    def expect(self, service: str, method: str, answer: dict[str, Any], **request: Any) -> None:
        self._stubber(service).add_response(method, answer, request)

    def refuse(self, service: str, method: str, code: str, message: str, **request: Any) -> None:
        self._stubber(service).add_client_error(
            method, code, message, expected_params=request or None
        )

    def assert_all_asked(self) -> None:
        """Each recorded answer was asked for."""
        for stubber in self._stubbers.values():
            stubber.assert_no_pending_responses()

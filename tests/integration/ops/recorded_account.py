"""boto3's real clients, answered from a file of tests/data/accounts instead of by AWS.

Requests and answers are both checked against botocore's service models, so neither can have a
field that AWS does not have. A call without an answer in the file fails the test.
"""

import functools
import json
from collections import Counter
from typing import Any

import boto3
from botocore.model import OperationModel
from botocore.validate import ParamValidator

from ops.stacks import Account
from tests.support.repository import ROOT

ACCOUNTS = ROOT / "tests" / "data" / "accounts"


class Reply:
    def __init__(self, status: int) -> None:
        self.status_code = status


@functools.cache  # it reads the service models
def session(region: str) -> boto3.Session:
    return boto3.Session("testing", "testing", "testing", region)


class RecordedAccount:
    """A replacement for boto3.Session with the recorded answers of an account."""

    def __init__(self, name: str, region: str = "us-east-1") -> None:
        self.entries: list[dict[str, Any]] = json.loads((ACCOUNTS / f"{name}.json").read_text())
        self.calls: Counter[str] = Counter()
        self._region = region
        self._session = session(region)

    @property
    def account(self) -> Account:
        return Account(self, "123456789012", self._region)

    def client(self, service: str, **options: Any) -> Any:
        client = self._session.client(service, **options)

        def answer(model: OperationModel, params: dict[str, Any], context: Any, **_: Any) -> Any:
            del params  # serialized already
            return self._answer(service, model, context["recorded_request"])

        def remember(params: dict[str, Any], context: Any, **_: Any) -> None:
            context["recorded_request"] = params

        client.meta.events.register("before-parameter-build.*.*", remember)
        client.meta.events.register("before-call.*.*", answer)
        return client

    def _answer(self, service: str, model: OperationModel, request: dict[str, Any]) -> Any:
        call = f"{service}.{model.name}"
        self.calls[call] += 1
        for entry in self.entries:
            if entry["call"] == call and entry.get("with", {}).items() <= request.items():
                break
        else:
            raise AssertionError(f"no answer is recorded for {call} with {request}")
        if "error" in entry:
            status = 403 if "Denied" in entry["error"]["Code"] else 400
            return Reply(status), {"Error": entry["error"], "ResponseMetadata": {}}
        report = ParamValidator().validate(entry["answer"], model.output_shape)
        assert not report.has_errors(), f"{call}: {report.generate_report()}"
        return Reply(200), {**entry["answer"], "ResponseMetadata": {"HTTPStatusCode": 200}}

    def replace(self, call: str, **entry: Any) -> None:
        """Let a call have another answer or error, whatever its parameters are."""
        assert [each for each in self.entries if each["call"] == call], call
        self.entries = [each for each in self.entries if each["call"] != call]
        self.entries.append({"call": call, **entry})

    def deny(self, *allowed: str) -> None:
        """Refuse every call but `allowed`, as IAM does."""
        for call in {each["call"] for each in self.entries}.difference(allowed):
            service, operation = call.split(".")
            message = (
                "User: arn:aws:sts::123456789012:assumed-role/Deployer/ann is not authorized to"
                f" perform: {service}:{operation} because no identity-based policy allows it"
            )
            self.replace(call, error={"Code": "AccessDenied", "Message": message})

"""Requests to function URLs: the checks of Lambda, and the signature of CloudFront."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from localcloud.clients import root_client
from localcloud.cloud import Cloud
from localcloud.cloudfront.behaviours import Distribution
from localcloud.cloudfront.messages import Headers, Request, Response, without
from localcloud.cloudfront.resource_policies import allows

_SECONDS: Final = 10
_HASH: Final = "x-amz-content-sha256"
_WITH_BODY: Final = ("POST", "PUT", "PATCH")
_OF_THE_SIGNATURE: Final = ("authorization", "host", "x-amz-date", "x-amz-security-token", _HASH)
# The actions that the function's policy must allow, and what Lambda sets as condition key of each:
# https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
_NEEDED: Final[Mapping[str, Mapping[str, str]]] = {
    "lambda:InvokeFunctionUrl": {"lambda:functionurlauthtype": "AWS_IAM"},
    "lambda:InvokeFunction": {"lambda:invokedviafunctionurl": "true"},
}


class FunctionUrls:
    """The function URLs of one cloud; thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._lambda = root_client(cloud, "lambda", read_timeout=_SECONDS)
        self._region = cloud.environment["AWS_REGION"]
        self._credentials = Credentials(
            cloud.environment["AWS_ACCESS_KEY_ID"], cloud.environment["AWS_SECRET_ACCESS_KEY"]
        )
        self._functions: dict[str, str] = {}

    def refusal(self, distribution: Distribution, domain: str, request: Request) -> Response | None:
        """What Lambda answers instead of invoking the function; None if it invokes it.

        Raises:
            BotoCoreError, ClientError: the function cannot be read.
        """
        if not _has_its_hash(request):
            return _problem(
                "InvalidSignatureException",
                "The request signature we calculated does not match the signature you provided."
                " Check your AWS Secret Access Key and signing method. Consult the service"
                " documentation for details.",
            )
        function = self._function(domain)
        if function and self._invokes(distribution, function):
            return None
        return _problem("AccessDeniedException", "Forbidden")

    def signed(self, request: Request, domain: str) -> Headers:
        """The headers of the request as CloudFront signs it: without the viewer's Authorization."""
        kept = without(request.headers, _OF_THE_SIGNATURE)
        signed = AWSRequest(
            request.method,
            f"https://{domain}{request.path}?{request.query}",
            headers={_HASH: hashlib.sha256(request.body).hexdigest()},
            data=request.body,
        )
        SigV4Auth(self._credentials, "lambda", self._region).add_auth(signed)
        return (
            ("Host", domain),
            *kept,
            *((name, str(text)) for name, text in signed.headers.items()),
        )

    def _function(self, domain: str) -> str | None:
        """The ARN of the function or alias behind a function URL; it never changes."""
        if domain not in self._functions:
            for function in self._lambda.get_paginator("list_functions").paginate():
                for each in function["Functions"]:
                    self._read_urls(each["FunctionName"])
        return self._functions.get(domain)

    def _read_urls(self, name: str) -> None:
        pages = self._lambda.get_paginator("list_function_url_configs").paginate(FunctionName=name)
        for page in pages:
            for each in page["FunctionUrlConfigs"]:
                self._functions[each["FunctionUrl"].split("/")[2]] = each["FunctionArn"]

    def _invokes(self, distribution: Distribution, function: str) -> bool:
        policy = self._policy(function)
        return all(
            allows(policy, action, function, distribution.arn, keys)
            for action, keys in _NEEDED.items()
        )

    def _policy(self, function: str) -> dict[str, Any]:
        try:
            return dict(json.loads(self._lambda.get_policy(FunctionName=function)["Policy"]))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return {}
            raise


def _has_its_hash(request: Request) -> bool:
    """Whether the viewer has sent the body's SHA-256, which CloudFront signs without computing it.

    A request without a body needs none, unless it is a POST, PUT or PATCH.
    """
    given = request.header(_HASH)
    if given is None:
        return request.method not in _WITH_BODY and not request.body
    return given == hashlib.sha256(request.body).hexdigest()


def _problem(kind: str, message: str) -> Response:
    headers = (("Content-Type", "application/json"), ("x-amzn-ErrorType", kind))
    return Response(403, headers, json.dumps({"Message": message}).encode())

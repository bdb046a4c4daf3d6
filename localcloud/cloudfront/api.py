"""The distribution, its invalidations and its functions, through the APIs of a laptop cloud."""

import json
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clients import root_client
from localcloud.cloud import Cloud, CloudError
from localcloud.cloudfront.answers import FunctionError, InvalidAnswerError
from localcloud.cloudfront.behaviours import Distribution, distribution_from_api, policy_ids

_FUNCTION_SECONDS: Final = 30
_THROTTLED: Final = ("TooManyRequestsException", "ThrottlingException")


class Api:
    """Reads what is deployed and invokes functions; every method is thread-safe."""

    def __init__(self, cloud: Cloud, distribution_id: str | None = None) -> None:
        self._distribution_id = distribution_id
        self._cloudfront = root_client(cloud, "cloudfront", read_timeout=10)
        self._lambda = root_client(cloud, "lambda", read_timeout=_FUNCTION_SECONDS)
        self._invalidations: set[str] = set()

    def distribution(self) -> Distribution:
        """The distribution with the given id, or the only one that is enabled.

        Raises:
            CloudError: no id was given, and none or more than one is enabled.
            NotModelledError: it has a setting that localcloud does not model.
        """
        distribution_id = self._distribution_id or self._only_distribution()
        given = self._cloudfront.get_distribution(Id=distribution_id)["Distribution"]
        cache, request = policy_ids(given["DistributionConfig"])
        return distribution_from_api(
            given,
            {each: self._cache_policy(each) for each in cache},
            {each: self._request_policy(each) for each in request},
        )

    def _only_distribution(self) -> str:
        pages = self._cloudfront.get_paginator("list_distributions").paginate()
        ids = [
            each["Id"]
            for page in pages
            for each in page["DistributionList"].get("Items", [])
            if each["Enabled"]
        ]
        if len(ids) != 1:
            raise CloudError(
                f"One CloudFront distribution can be served, and {len(ids)} are enabled:"
                f" {', '.join(ids) or 'deploy the stack first'}."
            )
        return str(ids[0])

    def _cache_policy(self, id_: str) -> dict[str, Any]:
        answer = self._cloudfront.get_cache_policy(Id=id_)
        return dict(answer["CachePolicy"]["CachePolicyConfig"])

    def _request_policy(self, id_: str) -> dict[str, Any]:
        answer = self._cloudfront.get_origin_request_policy(Id=id_)
        return dict(answer["OriginRequestPolicy"]["OriginRequestPolicyConfig"])

    def new_invalidations(self, distribution_id: str) -> list[str]:
        """The paths of the invalidations that were made since the last call."""
        pages = self._cloudfront.get_paginator("list_invalidations").paginate(
            DistributionId=distribution_id
        )
        ids = [
            each["Id"]
            for page in pages
            for each in page["InvalidationList"].get("Items", [])
            if each["Id"] not in self._invalidations
        ]
        paths: list[str] = []
        for id_ in ids:
            answer = self._cloudfront.get_invalidation(DistributionId=distribution_id, Id=id_)
            paths += answer["Invalidation"]["InvalidationBatch"]["Paths"].get("Items", [])
        self._invalidations.update(ids)
        return paths

    def invoke(self, function_arn: str, event: dict[str, Any]) -> object:
        """The function's answer to an event.

        Raises:
            FunctionError: the function was not run, failed, or did not answer with JSON.
        """
        try:
            answer = self._lambda.invoke(
                FunctionName=function_arn, Payload=json.dumps(event).encode()
            )
            payload = answer["Payload"].read()
        except (BotoCoreError, ClientError) as error:
            throttled = isinstance(error, ClientError) and (
                error.response["Error"]["Code"] in _THROTTLED
            )
            kind = "LambdaLimitExceeded" if throttled else "LambdaExecutionError"
            raise FunctionError(503, kind, f"The function was not run: {error}") from error
        if "FunctionError" in answer:
            reason = payload.decode(errors="replace")[:1_000]
            raise FunctionError(503, "LambdaExecutionError", f"The function failed: {reason}")
        try:
            return json.loads(payload or b"null")
        except ValueError:
            raise InvalidAnswerError("it is not JSON") from None

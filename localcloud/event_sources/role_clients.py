"""boto3 clients with the permissions of a function's role."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.clients import root_client, shared_config
from localcloud.cloud import Cloud
from localcloud.event_sources.mappings import EventSourceMapping
from localcloud.event_sources.records import SourceError

UNAVAILABLE: Final = (BotoCoreError, ClientError)
_NO_LONGER_KNOWN: Final = {  # error codes: the session ended, or belongs to an earlier cloud
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
}
_AS_ROOT: Final = {"dynamodbstreams", "iam"}


class RoleClients:
    """Clients with exactly the permissions of a function's role.

    On AWS, Lambda's poller assumes the role as the service lambda.amazonaws.com. ministack matches
    a service in a trust policy with the account's root user, so the root user can stand in.

    Only the streams of tables are read as the root user: ministack checks such a call against the
    resource `*`, so no policy that names its stream would allow it. Instead, IAM's policy simulator
    tells what the role may do there.
    """

    def __init__(self, cloud: Cloud, mapping: EventSourceMapping) -> None:
        self._cloud = cloud
        self._mapping = mapping
        self._clients: dict[str, Any] = {}
        self._session: boto3.session.Session | None = None
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def calling(self, service: str, failure: type[Exception]) -> Iterator[Any]:
        """A client; its errors are raised as `failure`, and stale sessions are renewed."""
        try:
            yield self._client(service)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NO_LONGER_KNOWN:
                self._forget()
            raise failure(str(error)) from error
        except BotoCoreError as error:
            raise failure(str(error)) from error

    def denial(self, actions: Sequence[str]) -> str | None:
        """Why the role may not do one of the actions on the mapping's stream; None if it may.

        Raises:
            SourceError: IAM's policy simulator cannot be called now.
        """
        with self.calling("iam", SourceError) as iam:
            results = iam.simulate_principal_policy(
                PolicySourceArn=self._mapping.role_arn,
                ActionNames=actions,
                ResourceArns=[self._mapping.source_arn],
            )["EvaluationResults"]
        role = self._mapping.role_arn.rsplit("/", 1)[1]
        for result in results:
            if result["EvalDecision"] != "allowed":
                return (
                    f"AccessDenied: {role}/{self._mapping.function_name} is not authorized to"
                    f" perform: {result['EvalActionName']} on {self._mapping.source_arn}"
                )
        return None

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = (
                    root_client(self._cloud, service, read_timeout=60)
                    if service in _AS_ROOT
                    else self._assumed().client(  # type: ignore[call-overload]
                        service, endpoint_url=self._cloud.endpoint, config=shared_config(60)
                    )
                )
            return self._clients[service]

    def _assumed(self) -> boto3.session.Session:
        if not self._session:
            credentials = self._cloud.client("sts").assume_role(
                RoleArn=self._mapping.role_arn, RoleSessionName=self._mapping.function_name
            )["Credentials"]
            self._session = boto3.session.Session(
                aws_access_key_id=credentials["AccessKeyId"],
                aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
                region_name=self._cloud.environment["AWS_REGION"],
            )
        return self._session

    def _forget(self) -> None:
        with self._lock:
            self._session = None
            self._clients.clear()

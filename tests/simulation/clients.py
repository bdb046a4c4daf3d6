"""The functions' clients: tables and a bucket in memory, with a drawn fault for each call."""

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fakes.tables import Tables
from localcloud.event_sources.failures import DestinationError
from tests.simulation import tally
from tests.simulation.call_faults import Effect, HistoryContext, perform
from tests.support.faults import CrashError, refusal

BUSY = ("ThrottlingError", "TransactionConflict", "ProvisionedThroughputExceeded")

type Watch = Callable[[str, dict[str, Any], Callable[[], Any]], Any]


class FaultyTables(Tables):
    """Requests for `throttled` photos are refused. `watch` is called in place of every call.

    `took_effect` is called after each effect, also if it was late or its answer was lost.
    """

    def __init__(self, history_context: HistoryContext, **keys: tuple[str, ...]) -> None:
        super().__init__(**keys)
        self.throttled: set[str] = set()
        self.watch: Watch = lambda _operation, _request, call: call()
        self.took_effect: Callable[[str, dict[str, Any]], None] = lambda _operation, _request: None
        self.busy = self._busy
        self._context = history_context

    def _call(
        self, operation: str, request: dict[str, Any], act: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if not operation.startswith("TransactWrite"):
                self._refuse_throttled(request)
            found = super(FaultyTables, self)._call(operation, request, act)
            self.took_effect(operation, request)
            return found

        answer: dict[str, Any] = self.watch(
            operation, request, lambda: perform(self._context, operation, effect)
        )
        return answer

    def _refuse_throttled(self, request: Mapping[str, Any]) -> None:
        actions = [action["Get"] for action in request.get("TransactItems", [])]
        codes = [{"Code": self._busy(action) or "None"} for action in actions or [request]]
        if all(code["Code"] == "None" for code in codes):
            return
        if not actions:
            raise refusal("ProvisionedThroughputExceededException")
        response: Any = {
            "Error": {"Code": "TransactionCanceledException", "Message": "busy"},
            "CancellationReasons": codes,
        }
        raise ClientError(response, "TransactGetItems")

    def _busy(self, action: Mapping[str, Any]) -> str | None:
        photo_id = (action.get("Key") or action["Item"])["photo_id"]["S"]
        if photo_id not in self.throttled:
            return None
        tally.faults["throttled or in conflict"] += 1
        return BUSY[self.calls.total() % len(BUSY)]


class Bucket:
    """The failed-batches bucket; calls are refused while it is `unavailable`."""

    def __init__(self, history_context: HistoryContext, clock: Callable[[], float]) -> None:
        self.objects: dict[str, tuple[bytes, datetime]] = {}
        self.unavailable = False
        self._context = history_context
        self._clock = clock

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> None:  # noqa: N803
        now = datetime.fromtimestamp(self._clock(), UTC)
        self._call("PutObject", lambda: self.objects.update({Key: (Body, now)}))

    def get_object(self, *, Key: str, **_: object) -> dict[str, Any]:  # noqa: N803
        def get() -> dict[str, Any]:
            if Key not in self.objects:
                raise refusal("NoSuchKey")
            return {"Body": io.BytesIO(self.objects[Key][0])}

        found: dict[str, Any] = self._call("GetObject", get)
        return found

    def delete_object(self, *, Key: str, **_: object) -> None:  # noqa: N803
        self._call("DeleteObject", lambda: self.objects.pop(Key, None))

    def get_paginator(self, _: str) -> "Bucket":
        return self

    def paginate(self, *, Prefix: str, **_: object) -> Iterator[dict[str, Any]]:  # noqa: N803
        listed = self._call("ListObjectsV2", lambda: sorted(self.objects.items()))
        yield {
            "Contents": [
                {"Key": key, "LastModified": since}
                for key, (_, since) in listed
                if key.startswith(Prefix)
            ]
        }

    @contextlib.contextmanager
    def calling(self, _: str, failure: type[Exception]) -> Iterator["Bucket"]:
        """The interface that the engine's failure destination calls."""
        assert failure is DestinationError
        try:
            yield self
        except (ClientError, BotoCoreError, CrashError) as error:
            raise failure(str(error)) from error

    def _call(self, operation: str, effect: Effect) -> Any:
        def effect_if_available() -> Any:
            if self.unavailable:
                tally.faults["S3 unavailable"] += 1
                raise refusal("ServiceUnavailable")
            return effect()

        return perform(self._context, operation, effect_if_available)


class Cdn:
    """CloudFront's invalidations; refused while `unavailable`. `watch` gets the paths of each."""

    def __init__(self, history_context: HistoryContext) -> None:
        self.invalidations: dict[str, list[str]] = {}  # by caller reference
        self.unavailable = False
        self.watch: Callable[[list[str]], None] = lambda _: None
        self._context = history_context

    @property
    def invalidated(self) -> set[str]:
        return {path for paths in self.invalidations.values() for path in paths}

    def create_invalidation(
        self,
        *,
        DistributionId: str,  # noqa: ARG002, N803
        InvalidationBatch: dict[str, Any],  # noqa: N803
    ) -> None:
        def effect() -> None:
            if self.unavailable:
                tally.faults["CDN unavailable"] += 1
                raise refusal("TooManyInvalidationsInProgress")
            paths = InvalidationBatch["Paths"]["Items"]
            reference = InvalidationBatch["CallerReference"]
            if self.invalidations.setdefault(reference, paths) != paths:
                raise refusal("InvalidationBatchAlreadyExists")
            self.watch(paths)
            tally.events["invalidations"] += 1

        perform(self._context, "CreateInvalidation", effect)


class Silent:
    """A logger or metrics without output; other tests check what they emit."""

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_args, **_kwargs: None

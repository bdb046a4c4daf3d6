"""CloudFront's CreateInvalidation, answered in the test process."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import SimpleNamespace
from typing import Any

from botocore.client import BaseClient

from tests.support.faults import once, raising, refusal

type Watch = Callable[[], object]

DISTRIBUTION = "E2EXAMPLE1ABCD"
OPERATION = "cloudfront.CreateInvalidation"


class Cdn:
    """`invalidations` are the paths of each, by caller reference; `watch` sees them come."""

    def __init__(self, client: BaseClient) -> None:
        self.invalidations: dict[str, list[str]] = {}
        self.calls = 0
        self.watch: Watch = lambda: None
        self._client = client
        self._hooks = client.meta.events
        self._asked: dict[str, Any] = {}

    def __enter__(self) -> "Cdn":
        self._hooks.register(f"before-parameter-build.{OPERATION}", self._note)
        self._hooks.register_last(f"before-call.{OPERATION}", self._answer)  # faults come before
        return self

    def __exit__(self, *_: object) -> None:
        self._hooks.unregister(f"before-parameter-build.{OPERATION}", self._note)
        self._hooks.unregister(f"before-call.{OPERATION}", self._answer)

    @property
    def invalidated(self) -> set[str]:
        return {path for paths in self.invalidations.values() for path in paths}

    def failing(
        self, error: BaseException, moment: str = "before-call"
    ) -> AbstractContextManager[None]:
        """Let one call fail, before or after its effect; the call must occur."""
        return once(self._client, f"{moment}.{OPERATION}", raising(error))

    def _note(self, params: dict[str, Any], **_: object) -> None:
        self._asked = params
        self.calls += 1

    def _answer(self, **_: object) -> Any:
        assert self._asked["DistributionId"] == DISTRIBUTION
        self.watch()
        batch = self._asked["InvalidationBatch"]
        paths = batch["Paths"]["Items"]
        assert batch["Paths"]["Quantity"] == len(paths) == len(set(paths))
        if self.invalidations.setdefault(batch["CallerReference"], paths) != paths:
            raise refusal("InvalidationBatchAlreadyExists")
        return SimpleNamespace(status_code=201), {}

"""Lambda's concurrency limits: reserved concurrency per function, and the account's limit.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping


class TooManyRequestsError(Exception):
    """An invocation is throttled; `reason` is the one in Lambda's answer."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Concurrency:
    """Counts running invocations and refuses those over a limit. An invocation never waits here.

    `reserved` returns the reserved concurrency of every function that has one. All other functions
    share the rest of `account_limit`, without the provisioned concurrency of functions that have
    no reserved concurrency.
    """

    def __init__(self, account_limit: int, reserved: Callable[[], Mapping[str, int]]) -> None:
        self._account_limit = account_limit
        self._reserved = reserved
        self._provisioned: dict[tuple[str, str], int] = {}
        self._running: Counter[str] = Counter()
        self._on_demand: Counter[str] = Counter()
        self._lock = threading.Lock()

    def running(self, function: str) -> int:
        """How many invocations of a function run now."""
        with self._lock:
            return self._running[function]

    def provision(self, function: str, version: str, count: int) -> None:
        """Take `count` of the account's concurrency for provisioned environments, 0 for none."""
        with self._lock:
            self._provisioned[function, version] = count

    def acquire(self, function: str, *, provisioned: bool) -> None:
        """Count an invocation that begins, in a provisioned environment or not.

        Raises:
            TooManyRequestsError: the function's or the account's limit is reached.
        """
        reserved = self._reserved()
        with self._lock:
            limit = reserved.get(function)
            if limit is not None and self._running[function] >= limit:
                raise TooManyRequestsError(
                    "ReservedFunctionConcurrentInvocationLimitExceeded", "Rate Exceeded."
                )
            if limit is None and not provisioned and self._unreserved_left(reserved) <= 0:
                raise TooManyRequestsError("ConcurrentInvocationLimitExceeded", "Rate Exceeded.")
            self._running[function] += 1
            if not provisioned:
                self._on_demand[function] += 1

    def release(self, function: str, *, provisioned: bool) -> None:
        """Count an invocation that has ended, with the same `provisioned` as at `acquire`."""
        with self._lock:
            self._running[function] -= 1
            if not provisioned:
                self._on_demand[function] -= 1

    def _unreserved_left(self, reserved: Mapping[str, int]) -> int:
        provisioned = sum(
            count for (function, _), count in self._provisioned.items() if function not in reserved
        )
        running = sum(
            count for function, count in self._on_demand.items() if function not in reserved
        )
        return self._account_limit - sum(reserved.values()) - provisioned - running

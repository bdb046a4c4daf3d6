"""Which shard iterators have expired."""

from collections.abc import Iterator
from typing import Any

from localcloud.ministack.shard_iterators import expired


class Watched(dict[str, Any]):
    """Counts the entries that are read."""

    looked_at = 0

    def items(self) -> Iterator[tuple[str, Any]]:  # type: ignore[override]
        for each in super().items():
            self.looked_at += 1
            yield each


def test_only_the_iterators_before_the_limit_expire():
    iterators = {"a": {"created_at": 1.0}, "b": {"created_at": 2.0}, "c": {"created_at": 3.0}}
    assert expired(iterators, 3.0) == ["a", "b"]
    assert expired(iterators, 1.0) == []
    assert expired({}, 1.0) == []


def test_iterators_that_have_not_expired_are_not_checked():
    iterators = Watched({str(number): {"created_at": float(number)} for number in range(1000)})
    assert expired(iterators, 2.0) == ["0", "1"]
    assert iterators.looked_at == 3

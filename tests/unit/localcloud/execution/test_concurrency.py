import pytest

from localcloud.execution.concurrency import Concurrency, TooManyRequestsError

RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
UNRESERVED = "ConcurrentInvocationLimitExceeded"


def refused(concurrency: Concurrency, function: str, *, provisioned: bool = False) -> str:
    with pytest.raises(TooManyRequestsError) as error:
        concurrency.acquire(function, provisioned=provisioned)
    return error.value.reason


def test_ended_invocation_frees_its_concurrency():
    concurrency = Concurrency(1, dict)
    concurrency.acquire("a", provisioned=False)
    assert refused(concurrency, "b") == UNRESERVED
    concurrency.release("a", provisioned=False)
    concurrency.acquire("b", provisioned=False)


def test_reserved_concurrency_of_0_throttles_every_invocation():
    assert refused(Concurrency(10, lambda: {"a": 0}), "a") == RESERVED


def test_reserved_concurrency_is_kept_free_whatever_the_others_do():
    concurrency = Concurrency(3, lambda: {"a": 2})
    concurrency.acquire("b", provisioned=False)
    assert refused(concurrency, "b") == UNRESERVED
    concurrency.acquire("a", provisioned=False)
    concurrency.acquire("a", provisioned=False)
    assert refused(concurrency, "a") == RESERVED


def test_provisioned_concurrency_reduces_the_unreserved_concurrency():
    concurrency = Concurrency(3, dict)
    concurrency.provision("a", "1", 2)
    concurrency.acquire("b", provisioned=False)
    assert refused(concurrency, "b") == UNRESERVED
    concurrency.acquire("a", provisioned=True)
    concurrency.acquire("a", provisioned=True)
    concurrency.provision("a", "1", 0)
    concurrency.acquire("b", provisioned=False)


def test_provisioned_concurrency_counts_in_the_reserved_one():
    concurrency = Concurrency(3, lambda: {"a": 2})
    concurrency.provision("a", "1", 2)
    concurrency.acquire("a", provisioned=True)
    concurrency.acquire("a", provisioned=True)
    assert refused(concurrency, "a", provisioned=True) == RESERVED
    concurrency.acquire("b", provisioned=False)

import pytest

from localcloud.execution.time_limits import TimeLimits


def test_one_factor_multiplies_every_limit():
    limits = TimeLimits.of({"TIMEOUT_FACTOR": "3"})
    assert limits.of_init(provisioned=False, timeout=900) == 30
    assert limits.of_invocation(5) == 15
    assert limits.of_idle_environment == 900


def test_without_the_setting_limits_are_lambdas():
    limits = TimeLimits.of({})
    assert limits.of_init(provisioned=False, timeout=3) == 10
    assert limits.of_invocation(5) == 5


def test_provisioned_environment_may_initialize_for_130_seconds_or_the_timeout_if_that_is_longer():
    limits = TimeLimits()
    assert limits.of_init(provisioned=True, timeout=3) == 130
    assert limits.of_init(provisioned=True, timeout=900) == 900


@pytest.mark.parametrize("text", ["fast", "0.5", "-1", "nan", "inf", ""])
def test_factor_below_1_or_not_a_number_is_refused(text: str):
    with pytest.raises(ValueError, match=r"TIMEOUT_FACTOR=.*: expected a number of at least 1"):
        TimeLimits.of({"TIMEOUT_FACTOR": text})

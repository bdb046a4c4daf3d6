"""Properties of a function in a template take the form that Lambda gives them."""

import pytest

from localcloud.ministack.functions import with_text_environment


@pytest.mark.parametrize(
    ("written", "given"),
    [
        (300, "300"),
        (300.0, "300"),
        (0.5, "0.5"),
        (12345678901234567890, "12345678901234567890"),
        (True, "true"),
        (False, "false"),
        ("300", "300"),
        ("007", "007"),
        ("", ""),
    ],
)
def test_environment_value_is_text(written: object, given: str):
    properties = {"Environment": {"Variables": {"VALUE": written}}, "Timeout": 3}
    expected = {"Environment": {"Variables": {"VALUE": given}}, "Timeout": 3}
    assert with_text_environment(properties) == expected


def test_function_without_environment_stays_without_variables():
    assert with_text_environment({"Timeout": 3}) == {"Timeout": 3, "Environment": {"Variables": {}}}

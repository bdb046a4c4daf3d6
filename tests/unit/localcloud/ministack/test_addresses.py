import pytest

from localcloud.ministack.addresses import on_this_machine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://a1b2c3.execute-api.us-east-1.amazonaws.com/live",
            "http://127.0.0.1:4566/_aws/execute-api/a1b2c3/live",
        ),
        (
            "https://a1b2c3.lambda-url.us-east-1.on.aws/",
            "http://127.0.0.1:4566/_aws/lambda-url/a1b2c3/",
        ),
        ("https://example.com/a?b=c", "https://example.com/a?b=c"),
        (
            "https://sqs.us-east-1.amazonaws.com/1/queue",
            "https://sqs.us-east-1.amazonaws.com/1/queue",
        ),
    ],
)
def test_addresses_of_apis_and_function_urls_are_those_of_the_laptop_cloud(
    text: str, expected: str
):
    assert on_this_machine(text, "http://127.0.0.1:4566") == expected

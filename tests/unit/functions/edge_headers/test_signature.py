"""The signature of a request equals that of botocore."""

from datetime import UTC, datetime
from unittest.mock import patch

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from edge_headers.catalog import signed_headers

hosts = st.sampled_from(["dynamodb.us-east-1.amazonaws.com", "127.0.0.1:4566", "localhost:8000"])
moments = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
visible = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)
environments = st.fixed_dictionaries(
    {"AWS_ACCESS_KEY_ID": visible, "AWS_SECRET_ACCESS_KEY": visible},
    optional={"AWS_SESSION_TOKEN": visible},
)


@given(hosts, st.text(st.characters(codec="utf-8")), environments, moments)
def test_signature_equals_that_of_botocore(
    host: str, body: str, environment: dict[str, str], moment: datetime
):
    ours = signed_headers(host, body, environment, moment.strftime("%Y%m%dT%H%M%SZ"))
    request = AWSRequest(
        "POST",
        f"http://{host}/",
        {"Content-Type": ours["content-type"], "X-Amz-Target": ours["x-amz-target"]},
        body.encode(),
    )
    credentials = Credentials(
        environment["AWS_ACCESS_KEY_ID"],
        environment["AWS_SECRET_ACCESS_KEY"],
        environment.get("AWS_SESSION_TOKEN"),
    )
    with patch("botocore.auth.get_current_datetime", return_value=moment.replace(tzinfo=None)):
        SigV4Auth(credentials, "dynamodb", "us-east-1").add_auth(request)
    theirs = {name.lower(): value for name, value in request.headers.items()}
    assert ours == {**theirs, "host": host}

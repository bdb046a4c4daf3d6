"""A template of docs/snippets, deployed. ministack keeps no key of a function or a bucket."""

import pytest

from tests.support import laptop_clouds
from tests.support.repository import ROOT

SNIPPETS = ROOT / "docs" / "snippets"

pytestmark = pytest.mark.slow


def test_function_with_a_customer_managed_key_writes_to_its_bucket():
    with laptop_clouds.running(SNIPPETS / "customer_managed_key.yaml") as application:
        outputs, cloud = application.outputs, application.cloud
        client, s3 = cloud.client("lambda"), cloud.client("s3")
        answer = client.invoke(FunctionName=outputs["FunctionName"], Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()
        stored = s3.get_object(Bucket=outputs["BucketName"], Key="answer")
        assert stored["Body"].read() == b"42"

"""Templates of docs/snippets, deployed. ministack encrypts nothing with the key."""

import io
import json
import zipfile

import pytest

from localcloud.cloud import Cloud, running
from tests.e2e.conftest import free_port
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


def test_one_version_of_a_layer_is_shared_with_the_other_account_only():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("python/shared.py", "")
    cloud = Cloud("127.0.0.1", free_port())
    with running(cloud):
        client, cloudformation = cloud.client("lambda"), cloud.client("cloudformation")
        versions = [
            client.publish_layer_version(
                LayerName="shared", Content={"ZipFile": archive.getvalue()}
            )
            for _ in range(2)
        ]
        given = {
            "LayerVersionArn": versions[0]["LayerVersionArn"],
            "AccountId": "210987654321",
        }
        cloudformation.create_stack(
            StackName="sharing",
            TemplateBody=(SNIPPETS / "shared_layer.yaml").read_text(),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
            ],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="sharing", WaiterConfig={"Delay": 1}
        )
        policy = client.get_layer_version_policy(LayerName="shared", VersionNumber=1)["Policy"]
        [statement] = json.loads(policy)["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Allow", "lambda:GetLayerVersion")
        assert "210987654321" in json.dumps(statement["Principal"])
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_layer_version_policy(LayerName="shared", VersionNumber=2)

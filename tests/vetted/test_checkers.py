"""checkov and cfn-guard find nothing on what is deployed that is not suppressed with a reason."""

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tools.vetting.checkers import CheckerFinding, read_suppressions, run_checkov, run_guard
from tools.vetting.deployment import STAGES, deployed

if TYPE_CHECKING:
    from pathlib import Path

PLANTED: Final = {  # rules of each checker that a resource without any protection breaks
    "CKV_AWS_53": "PlantedBucket",  # public access
    "s3_bucket_level_public_access_prohibited_check": "PlantedBucket",
    "CKV_AWS_45": "PlantedFunction",  # a secret in a variable
    "lambda_function_public_access_prohibited_check": "PlantedPermission",
}


def planted() -> dict[str, Any]:
    return {
        "PlantedBucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "planted"}},
        "PlantedFunction": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "planted",
                "Role": "arn:aws:iam::123456789012:role/planted",
                "Runtime": "python3.13",
                "Handler": "planted.handler",
                "Code": {"S3Bucket": "artifacts", "S3Key": "planted"},
                "Environment": {"Variables": {"KEY": "AKIAIOSFODNN7EXAMPLE"}},
            },
        },
        "PlantedPermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": "planted",
                "Action": "lambda:InvokeFunction",
                "Principal": "*",
            },
        },
    }


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> set[CheckerFinding]:
    """Of both checkers on every stage in AWS, with resources in one of them that break rules."""
    folder = tmp_path_factory.mktemp("templates")
    paths: list[Path] = []
    for stage in STAGES:
        template = deployed(stage).template()
        paths.append(folder / f"{stage}.json")
        paths[-1].write_text(json.dumps(template))
    template["Resources"] |= planted()
    paths[-1].write_text(json.dumps(template))
    return run_checkov(paths) | run_guard(paths)


@pytest.mark.parametrize(("rule", "resource"), PLANTED.items())
def test_a_resource_without_protection_is_found(
    rule: str, resource: str, findings: set[CheckerFinding]
):
    assert CheckerFinding(rule, resource) in findings


def test_every_finding_is_fixed_or_suppressed(findings: set[CheckerFinding]):
    suppressed = {finding for each in read_suppressions() for finding in each.findings()}
    ours = {each for each in findings if not each.resource.startswith("Planted")}
    assert not ours - suppressed, sorted(ours - suppressed)


def test_every_suppression_has_a_finding_and_a_reason(findings: set[CheckerFinding]):
    pairs = [finding for each in read_suppressions() for finding in sorted(each.findings())]
    assert len(pairs) == len(set(pairs))
    assert not set(pairs) - findings, sorted(set(pairs) - findings)
    assert all(len(each.reason) > 30 for each in read_suppressions())

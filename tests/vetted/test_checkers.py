"""checkov and cfn-guard find nothing on what is deployed that is not suppressed with a reason."""

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from tools.vetting.checkers import CheckerFinding, read_suppressions, run_checkov, run_guard
from tools.vetting.deployment import STAGES, deployed

if TYPE_CHECKING:
    from pathlib import Path

INSERTED: Final = {  # rules of each checker that a resource without any protection breaks
    "CKV_AWS_53": "InsertedBucket",  # public access
    "s3_bucket_level_public_access_prohibited_check": "InsertedBucket",
    "CKV_AWS_45": "InsertedFunction",  # a secret in a variable
    "lambda_function_public_access_prohibited_check": "InsertedPermission",
}


def inserted() -> dict[str, Any]:
    return {
        "InsertedBucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "inserted"}},
        "InsertedFunction": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "inserted",
                "Role": "arn:aws:iam::123456789012:role/inserted",
                "Runtime": "python3.13",
                "Handler": "inserted.handler",
                "Code": {"S3Bucket": "artifacts", "S3Key": "inserted"},
                "Environment": {"Variables": {"KEY": "AKIAIOSFODNN7EXAMPLE"}},
            },
        },
        "InsertedPermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": "inserted",
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
    template["Resources"] |= inserted()
    paths[-1].write_text(json.dumps(template))
    return run_checkov(paths) | run_guard(paths)


@pytest.mark.parametrize(("rule", "resource"), INSERTED.items())
def test_a_resource_without_protection_is_found(
    rule: str, resource: str, findings: set[CheckerFinding]
):
    assert CheckerFinding(rule, resource) in findings


def test_every_finding_is_fixed_or_suppressed(findings: set[CheckerFinding]):
    suppressed = {finding for each in read_suppressions() for finding in each.findings()}
    ours = {each for each in findings if not each.resource.startswith("Inserted")}
    assert not ours - suppressed, (
        f"checkov or cfn-guard reports {sorted(ours - suppressed)}: change the resource, or add it"
        " to the rule in tools/vetting/suppressions.toml, whose reason must hold for it."
    )


def test_every_suppression_has_a_finding_and_a_reason(findings: set[CheckerFinding]):
    pairs = [finding for each in read_suppressions() for finding in sorted(each.findings())]
    assert len(pairs) == len(set(pairs))
    assert not set(pairs) - findings, sorted(set(pairs) - findings)
    assert all(len(each.reason) > 30 for each in read_suppressions())

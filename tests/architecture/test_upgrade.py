"""What an upgrade from the previous release replaces or removes, on both translated templates."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.support import previous_release
from tests.support.repository import ROOT, load_template
from tools.translate import translate

# Data, failures that wait, and addresses or names that people have.
STATEFUL: Final = {
    "AWS::CloudFront::Distribution",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::DynamoDB::Table",
    "AWS::Kinesis::Stream",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
}
# CloudFormation's schemas do not mark the properties of these, which DynamoDB cannot change either.
MORE: Final = {"AWS::DynamoDB::Table": ["StreamSpecification"]}

type Resources = dict[str, dict[str, Any]]


def stateful(template: dict[str, Any]) -> Resources:
    resources = translate(template, {})["Resources"]
    return {name: each for name, each in resources.items() if each["Type"] in STATEFUL}


def fixed_properties(kind: str) -> list[str]:
    """The properties of a type whose change replaces the resource, by CloudFormation's schema."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    paths = [
        *schema.get("createOnlyProperties", []),
        *schema.get("conditionalCreateOnlyProperties", []),
    ]
    names = {path.removeprefix("/properties/").partition("/")[0] for path in paths}
    return sorted(names | set(MORE.get(kind, [])))


def breaking(old: Resources, new: Resources) -> set[str]:
    """What an upgrade loses: `Resource` if it is removed, `Resource.Property` if it is replaced."""
    found = set()
    for name, resource in old.items():
        if name not in new or new[name]["Type"] != resource["Type"]:
            found.add(name)
            continue
        before, after = resource.get("Properties", {}), new[name].get("Properties", {})
        for key in fixed_properties(resource["Type"]):
            if before.get(key) != after.get(key):
                found.add(f"{name}.{key}")
    return found


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    return stateful(previous_release.load_template(tmp_path_factory.mktemp("previous")))


def upgrade_notes(changelog: Path = ROOT / "CHANGELOG.md") -> str:
    """What CHANGELOG.md says about an upgrade from the previous release."""
    version = re.escape(previous_release.version())
    heading = rf"(?ms)^### Upgrade from {version}$(.*?)(?=^##|\Z)"
    found = re.search(heading, changelog.read_text())
    assert found, (
        f"CHANGELOG.md has no heading '### Upgrade from {previous_release.version()}':"
        " say there what an operator does before and after the deployment."
    )
    return found[1]


def test_resource_with_data_is_not_replaced_without_an_entry_in_the_changelog(old: Resources):
    notes = upgrade_notes()
    unsaid = {each for each in breaking(old, stateful(load_template())) if f"`{each}`" not in notes}
    assert not unsaid, (
        f"an upgrade from {previous_release.version()} replaces or removes {sorted(unsaid)}, and"
        " CloudFormation then leaves its data behind. Undo the change, or name each of them in"
        " backquotes in CHANGELOG.md under the upgrade, with what an operator does about the data."
    )


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("PhotosTable", {"TableName": "photos"}, "PhotosTable.TableName"),
        ("ViewsTable", {"KeySchema": []}, "ViewsTable.KeySchema"),
        ("PhotosTable", {"StreamSpecification": None}, "PhotosTable.StreamSpecification"),
        ("UploadsBucket", {"BucketName": "uploads"}, "UploadsBucket.BucketName"),
        ("ViewsStream", {"Name": "views"}, "ViewsStream.Name"),
        ("FailedEventsQueue", {"QueueName": "failed"}, "FailedEventsQueue.QueueName"),
        ("MediaBucket", None, "MediaBucket"),
    ],
)
def test_replacements_and_removals_are_found(
    old: Resources, name: str, change: dict[str, Any] | None, expected: str
):
    new = dict(old)
    resource = new.pop(name)
    if change is not None:
        new[name] = {**resource, "Properties": {**resource["Properties"], **change}}
    assert breaking(old, new) == {expected}

"""Lambda versions and aliases after a rollback or `sam sync`, and their restoration."""

import io
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from rich.console import Console

from ops.deployed_stack import StackDescription
from ops.leftover_versions import FunctionDrift, find_drift, restore_functions
from ops.stacks import OperationError
from tests.integration.ops.recorded import Recorded

STACK: Final = "arn:aws:cloudformation:us-east-1:123456789012:stack/gallery/1"
LAMBDA: Final = "arn:aws:lambda:us-east-1:123456789012"
REPLICATED: Final = (
    f"Lambda was unable to delete {LAMBDA}:function:gallery-Edge:4 because it is a replicated"
    " function. Please see our documentation for Deleting Lambda@Edge Functions and Replicas."
)
SHARED: Final = f"{LAMBDA}:layer:shared:1"


class Lambda(Recorded):
    """An account with one stack, and the versions of its functions."""

    def resources(self, *resources: tuple[str, str, str, str]) -> None:
        """Logical id, type (of Lambda), physical id and status."""
        summaries = [
            {
                "LogicalResourceId": logical,
                "ResourceType": f"AWS::Lambda::{kind}",
                "PhysicalResourceId": physical,
                "ResourceStatus": status,
                "LastUpdatedTimestamp": "2026-11-28T12:00:00Z",
            }
            for logical, kind, physical, status in resources
        ]
        for number, page in enumerate((summaries[:2], summaries[2:])):
            answer = {"StackResourceSummaries": page} | ({} if number else {"NextToken": "2"})
            token = {"NextToken": "2"} if number else {}
            self.expect("cloudformation", "list_stack_resources", answer, StackName=STACK, **token)

    def versions(self, function: str, latest: str, **published: str) -> None:
        """The code of $LATEST, and that of each version (v1=...)."""
        found = [{"Version": "$LATEST", **_code(latest)}]
        found += [{"Version": name[1:], **_code(code)} for name, code in published.items()]
        for number, page in enumerate((found[:1], found[1:])):
            answer = {"Versions": page} | ({} if number else {"NextMarker": "2"})
            token = {"Marker": "2"} if number else {}
            self.expect(
                "lambda", "list_versions_by_function", answer, FunctionName=function, **token
            )

    def alias(self, function: str, version: int, **weights: float) -> None:
        answer: dict[str, Any] = {"Name": "live", "FunctionVersion": str(version)}
        if weights:
            shares = {name[1:]: share for name, share in weights.items()}
            answer["RoutingConfig"] = {"AdditionalVersionWeights": shares}
        self.expect("lambda", "get_alias", answer, FunctionName=function, Name="live")


def _code(code: str) -> dict[str, Any]:
    return {"CodeSha256": code, "Layers": [{"Arn": SHARED}]}


@pytest.fixture
def recorded() -> Iterator[Lambda]:
    recorded = Lambda()
    yield recorded
    recorded.assert_all_asked()


def api(version: int) -> list[tuple[str, str, str, str]]:
    """The API's function, with this version and its alias, as a stack lists it."""
    arn = f"{LAMBDA}:function:gallery-Api"
    return [
        ("Api", "Function", "gallery-Api", "UPDATE_COMPLETE"),
        (f"ApiVersion{version}", "Version", f"{arn}:{version}", "CREATE_COMPLETE"),
        ("ApiAliaslive", "Alias", f"{arn}:live", "UPDATE_COMPLETE"),
    ]


def find(recorded: Lambda, status: str = "UPDATE_ROLLBACK_COMPLETE") -> list[FunctionDrift]:
    return find_drift(recorded.account, StackDescription(STACK, "gallery", status))


def test_stack_as_cloudformation_left_it_has_no_drift(recorded: Lambda):
    """Older versions stay on purpose: SAM retains them."""
    recorded.resources(*api(3))
    recorded.versions("gallery-Api", "c", v1="a", v2="b", v3="c")
    recorded.alias("gallery-Api", 3)
    assert find(recorded) == []


def test_leftover_version_is_found_by_number_order(recorded: Lambda):
    rolled_back = ("ApiVersion10", "Version", f"{LAMBDA}:function:gallery-Api:10", "DELETE_SKIPPED")
    recorded.resources(*api(9), rolled_back)
    recorded.versions("gallery-Api", "c", v8="b", v9="c", v10="d")
    recorded.alias("gallery-Api", 9)
    [drift] = find(recorded)
    assert (drift.version, drift.later) == (9, (10,))
    assert drift.describe() == "Api: the stack does not have version 10"


def test_alias_and_code_that_sam_sync_changed_are_found(recorded: Lambda):
    recorded.resources(*api(3))
    recorded.versions("gallery-Api", "e", v3="c", v4="d", v5="e")
    recorded.alias("gallery-Api", 5)
    [drift] = find(recorded)
    assert drift.describe() == (
        "Api: alias live is at version 5, the stack says 3; the stack does not have versions 4, 5;"
        " the code or layers of $LATEST were changed outside CloudFormation"
    )


def test_alias_that_still_sends_traffic_to_another_version_is_found(recorded: Lambda):
    recorded.resources(*api(3))
    recorded.versions("gallery-Api", "c", v3="c")
    recorded.alias("gallery-Api", 3, v2=0.1)
    [drift] = find(recorded)
    assert drift.alias_moved


def test_preserved_half_of_a_deployment_does_not_count_as_changed_code(recorded: Lambda):
    recorded.resources(*api(3))
    recorded.versions("gallery-Api", "d", v3="c")
    recorded.alias("gallery-Api", 3)
    assert find(recorded, "UPDATE_FAILED") == []


def test_version_of_a_creation_that_failed_before_the_stack_knew_it_is_found(recorded: Lambda):
    recorded.resources(
        ("Api", "Function", "gallery-Api", "CREATE_COMPLETE"),
        ("ApiVersion1", "Version", "", "CREATE_FAILED"),
        ("ApiVersion2", "Version", f"{LAMBDA}:function:gallery-Api:1", "CREATE_FAILED"),
    )
    recorded.versions("gallery-Api", "a", v1="a")
    [drift] = find(recorded, "CREATE_FAILED")
    assert (drift.version, drift.later, drift.code_changed) == (0, (1,), False)


@pytest.mark.parametrize(
    "deployed", [None, StackDescription(STACK, "gallery", "REVIEW_IN_PROGRESS")]
)
def test_new_stack_is_not_examined(recorded: Lambda, deployed: StackDescription | None):
    assert find_drift(recorded.account, deployed) == []


def back(recorded: Lambda, *drift: FunctionDrift) -> tuple[dict[str, int], str]:
    output = io.StringIO()
    kept = restore_functions(
        recorded.account,
        StackDescription(STACK, "gallery", "UPDATE_COMPLETE"),
        [*drift],
        Console(file=output, width=300),
    )
    return kept, output.getvalue()


def leftover(*later: int, function: str = "Edge") -> FunctionDrift:
    return FunctionDrift(function, f"gallery-{function}", 3, later, None, code_changed=False)


def test_leftover_versions_are_deleted(recorded: Lambda):
    for version in (4, 5):
        request = {"FunctionName": "gallery-Api", "Qualifier": str(version)}
        recorded.expect("lambda", "delete_function", {}, **request)
    kept, output = back(recorded, leftover(4, 5, function="Api"))
    assert kept == {}
    assert "Api: version 5 is deleted" in output


def test_edge_version_that_cloudfront_replicates_stays_without_an_error(recorded: Lambda):
    recorded.refuse(
        "lambda", "delete_function", "InvalidParameterValueException", REPLICATED,
        FunctionName="gallery-Edge", Qualifier="4",
    )  # fmt: skip
    recorded.expect("lambda", "delete_function", {}, FunctionName="gallery-Api", Qualifier="4")
    kept, output = back(recorded, leftover(4), leftover(4, function="Api"))
    assert kept == {"Edge": 4}
    assert "version 4 stays for now" in output
    assert "Api: version 4 is deleted" in output


def test_any_other_refusal_is_an_error_with_lambdas_reason(recorded: Lambda):
    recorded.refuse(
        "lambda", "delete_function", "ResourceConflictException", "referenced by alias blue",
        FunctionName="gallery-Api", Qualifier="4",
    )  # fmt: skip
    with pytest.raises(OperationError, match=r"version 4 of gallery-Api: referenced by alias blue"):
        back(recorded, leftover(4, function="Api"))


def test_template_code_that_differs_from_the_version_is_an_error(recorded: Lambda):
    code = {"S3Bucket": "artifacts", "S3Key": "gallery/api"}
    template = f"Resources: {{Api: {{Properties: {{Code: {json.dumps(code)}}}}}}}"
    recorded.expect(
        "cloudformation", "get_template", {"TemplateBody": template},
        StackName=STACK, TemplateStage="Processed",
    )  # fmt: skip
    name = {"FunctionName": "gallery-Api"}
    recorded.expect("lambda", "update_function_code", {"CodeSha256": "d"}, **name, **code)
    updated = {"Configuration": {"LastUpdateStatus": "Successful"}}
    recorded.expect("lambda", "get_function", updated, **name)
    own = {"CodeSha256": "c"}
    recorded.expect("lambda", "get_function_configuration", own, **name, Qualifier="3")
    changed = FunctionDrift("Api", "gallery-Api", 3, (), None, code_changed=True)
    with pytest.raises(OperationError, match="differs from the code of version 3"):
        back(recorded, changed)

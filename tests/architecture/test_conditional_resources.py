"""No reference names a resource whose condition is false, for all parameters and regions."""

import copy
import itertools
import math
from typing import Any, Final

import pytest

from tests.support.references import condition_values, dangling, references
from tests.support.repository import load_template
from tools.intrinsics import Resolver
from tools.translate import translate

# The SAM transform decides by these two whether and how CodeDeploy releases.
DECIDED: Final = ("Stage", "Release")
DECISIONS: Final = [
    dict(zip(DECIDED, values, strict=True))
    for values in itertools.product(
        *(load_template()["Parameters"][name]["AllowedValues"] for name in DECIDED)
    )
]


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    return translate(load_template(), {})


@pytest.mark.parametrize("decided", DECISIONS, ids=lambda each: "-".join(each.values()))
def test_no_reference_is_to_a_resource_that_is_left_out(decided: dict[str, str]):
    assert dangling(translate(load_template(), decided), decided) == {}


def test_no_other_parameter_changes_the_result_of_the_transform():
    used = load_template()["Resources"]["GalleryApiFunction"]["Properties"]["DeploymentPreference"]
    parameters = load_template()["Parameters"].keys()
    found = references({"Resources": {"GalleryApiFunction": used}})
    assert {each.target for each in found} & parameters == set(DECIDED)


def test_all_conditions_are_tried(translated: dict[str, Any]):
    assert math.prod(map(len, condition_values(translated).values())) > 10_000
    assumed = {name for each in references(translated) for name, _ in each.where}
    assert {
        "HasWebPage",
        "ScalesProvisionedConcurrency",
        "CreatesAccessLogsRole",
        "HasAlarmEmail",
    } <= assumed
    assert assumed <= translated["Conditions"].keys()


INSERTED: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "Ref": ({"Type": "T", "Properties": {"Id": {"Ref": "Distribution"}}}, "Distribution"),
    "GetAtt": (
        {"Type": "T", "Properties": {"Ids": [{"Fn::GetAtt": ["BucketsAccess", "Id"]}]}},
        "BucketsAccess",
    ),
    "Sub": (
        {"Type": "T", "Properties": {"Url": {"Fn::Sub": "https://${Distribution.DomainName}"}}},
        "Distribution",
    ),
    "Sub with variables": (
        {
            "Type": "T",
            "Properties": {"Url": {"Fn::Sub": ["${a}", {"a": {"Ref": "PagesByEmail"}}]}},
        },
        "PagesByEmail",
    ),
    "DependsOn": ({"Type": "T", "DependsOn": ["AccessLogsAccount"]}, "AccessLogsAccount"),
    "a condition that does not imply the other": (
        {"Type": "T", "Condition": "HasAccessLogs", "DependsOn": "AccessLogsAccount"},
        "AccessLogsAccount",
    ),
    "the wrong branch": (
        {"Properties": {"Id": {"Fn::If": ["HasWebPage", "none", {"Ref": "Distribution"}]}}},
        "Distribution",
    ),
    "nothing": ({"Type": "T", "Properties": {"Id": {"Ref": "Gone"}}}, "Gone"),
}


@pytest.mark.parametrize("inserted", INSERTED)
def test_an_inserted_reference_is_found(inserted: str, translated: dict[str, Any]):
    resource, target = INSERTED[inserted]
    broken = {**translated, "Resources": translated["Resources"] | {"Inserted": resource}}
    assert dangling(broken, {}).keys() == {f"Inserted -> {target}"}


def test_an_inserted_output_is_found(translated: dict[str, Any]):
    broken = copy.deepcopy(translated)
    broken["Outputs"]["DistributionId"]["Value"] = {"Ref": "Distribution"}
    [(found, parameters)] = dangling(broken, {}).items()
    assert found == "Outputs.DistributionId -> Distribution"
    assert not Resolver(
        translated,
        {name: value for name, value in parameters.items() if name != "AWS::Region"},
        parameters["AWS::Region"],
    ).holds("HasWebPage")


def test_a_reference_under_a_condition_that_implies_the_other_is_accepted(
    translated: dict[str, Any],
):
    own = {
        "Type": "T",
        "Condition": "CreatesAccessLogsRole",
        "DependsOn": "GalleryApiAccessLogGroup",
    }
    template = {**translated, "Resources": translated["Resources"] | {"Own": own}}
    assert dangling(template, {}) == {}


def resolved(
    translated: dict[str, Any], parameters: dict[str, str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The resources that are there, and the outputs, with the conditions decided."""
    resolver = Resolver(translated, parameters)
    resources = {
        name: {"Properties": resolver.value(resource.get("Properties", {}))}
        for name, resource in translated["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }
    return resources, resolver.value(translated["Outputs"])


def test_without_the_page_no_resource_of_cloudfront_or_the_edge_function_is_left(
    translated: dict[str, Any],
):
    with_page, _ = resolved(translated, {})
    without, outputs = resolved(translated, {"Page": "none"})
    left_out = {name for name in with_page if name not in without}
    assert {"Distribution", "EdgeHeadersFunction", "EdgeErrorsPage"} <= left_out
    kinds = {translated["Resources"][name]["Type"] for name in without}
    assert not [kind for kind in kinds if kind.startswith("AWS::CloudFront::")]
    assert not [name for name in without if name.startswith("EdgeHeaders")]
    assert outputs["DistributionId"]["Value"] == "none"
    assert outputs["GalleryUrl"]["Value"].startswith("none: ")
    variables = without["CatalogReplicatorFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["DISTRIBUTION_ID"] == "none"

"""No resource refers to one that its parameters leave out, with the page and without."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ops.intrinsics import Resolver
from ops.translate import translate
from tests.stack import load_template

CHOICES = {
    "Stage": ["local", "dev", "prod"],
    "Page": ["cloudfront", "none"],
    "ApiAccessLogs": ["none", "with-the-accounts-role", "with-a-new-role"],
    "EndpointUrl": ["", "http://127.0.0.1:4566"],
}
COMBINATIONS = [
    dict(zip(CHOICES, each, strict=True)) for each in itertools.product(*CHOICES.values())
]


def template_of(
    region: str, parameters: dict[str, str], translated: dict[str, Any]
) -> tuple[dict[str, Any], Any]:
    """What CloudFormation makes of the translated template, its conditions decided."""
    resolver = Resolver(translated, parameters, region)
    resources = {
        name: {
            "DependsOn": resource.get("DependsOn", []),
            "Properties": resolver.value(resource.get("Properties", {})),
        }
        for name, resource in translated["Resources"].items()
        if "Condition" not in resource or resolver.holds(resource["Condition"])
    }
    return resources, resolver.value(translated["Outputs"])


def references(node: Any) -> Iterator[str]:
    """The logical ids, parameters and pseudo parameters that a node refers to."""
    match node:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": str(text)}:
            yield from (each.partition(".")[0] for each in re.findall(r"\$\{([^}!]+)\}", text))
        case {"Fn::Sub": [str(text), dict(given)]}:
            names = {each.partition(".")[0] for each in re.findall(r"\$\{([^}!]+)\}", text)}
            yield from names - given.keys()
            yield from references(given)
        case dict():
            for each in node.values():
                yield from references(each)
        case list():
            for each in node:
                yield from references(each)


def dangling(region: str, parameters: dict[str, str], translated: dict[str, Any]) -> set[str]:
    """`Resource -> name` for each reference to nothing."""
    resources, outputs = template_of(region, parameters, translated)
    found = set()
    for name, resource in {**resources, "Outputs": {"Properties": outputs}}.items():
        needed = set(references(resource["Properties"]))
        depends = resource.get("DependsOn", [])
        needed |= {depends} if isinstance(depends, str) else set(depends)
        found |= {
            f"{name} -> {each}"
            for each in needed
            if not each.startswith("AWS::")
            and each not in resources
            and each not in translated["Parameters"]
        }
    return found


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    return translate(load_template(), {})


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_no_reference_is_to_a_resource_that_is_left_out(region: str, translated: dict[str, Any]):
    for parameters in COMBINATIONS:
        assert not dangling(region, parameters, translated), parameters


def test_a_reference_to_a_resource_that_is_left_out_is_found(translated: dict[str, Any]):
    output = {"Value": {"Fn::Sub": "https://${Distribution.DomainName}"}}
    broken = {**translated, "Outputs": {**translated["Outputs"], "Broken": output}}
    assert not dangling("us-east-1", {}, broken)
    found = dangling("us-east-1", {"Page": "none"}, broken)
    assert found == {"Outputs -> Distribution"}


def test_without_the_page_no_resource_of_cloudfront_or_the_edge_function_is_left(
    translated: dict[str, Any],
):
    with_page, _ = template_of("us-east-1", {}, translated)
    without, outputs = template_of("us-east-1", {"Page": "none"}, translated)
    left_out = {name for name in with_page if name not in without}
    assert {"Distribution", "EdgeHeadersFunction", "EdgeErrorsPage"} <= left_out
    kinds = {translated["Resources"][name]["Type"] for name in without}
    assert not [kind for kind in kinds if kind.startswith("AWS::CloudFront::")]
    assert not [name for name in without if name.startswith("EdgeHeaders")]
    assert outputs["DistributionId"]["Value"] == "none"
    assert outputs["GalleryUrl"]["Value"].startswith("none: ")
    variables = without["CatalogReplicatorFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["DISTRIBUTION_ID"] == "none"

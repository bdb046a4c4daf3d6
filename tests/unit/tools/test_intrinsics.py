"""Values of a template, resolved as far as the template defines them."""

from typing import Any

import pytest

from tools.intrinsics import Resolver

TEMPLATE = {
    "Parameters": {"Name": {"Default": "gallery"}, "Count": {"Default": 3}},
    "Conditions": {"Elsewhere": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "here"]}]}},
    "Mappings": {},
    "Resources": {},
}


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("plain", "plain"),
        ("${Name}-${Count}", "gallery-3"),
        ("${Table}", {"Fn::Sub": "${Table}"}),
        ("${Name}-${Table.Arn}", {"Fn::Sub": "gallery-${Table.Arn}"}),
        ("${!Name}-${Name}", "${Name}-gallery"),
        (["${Own}-${Name}", {"Own": {"Ref": "Count"}}], "3-gallery"),
        (
            ["${Own}-${Name}", {"Own": {"Fn::GetAtt": ["Table", "Arn"]}}],
            {"Fn::Sub": ["${Own}-gallery", {"Own": {"Fn::GetAtt": ["Table", "Arn"]}}]},
        ),
    ],
)
def test_text_is_substituted_as_far_as_parameters_and_variables_tell(text: Any, resolved: Any):
    assert Resolver(TEMPLATE, {}).value({"Fn::Sub": text}) == resolved


@pytest.mark.parametrize(("region", "elsewhere"), [("here", False), ("eu-west-1", True)])
def test_conditions_know_the_region(region: str, elsewhere: bool):
    assert Resolver(TEMPLATE, {}, region).holds("Elsewhere") is elsewhere

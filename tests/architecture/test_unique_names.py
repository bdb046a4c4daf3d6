"""Resources whose name the template chooses: preflight checks all that could collide."""

from collections.abc import Iterator
from typing import Any

from ops.preflight.names import UNIQUE
from tests.support.repository import load_template
from tools.translate import translate

MANY_MAY_HAVE_IT = {
    "AWS::ApiGateway::RestApi": "APIs have ids",
    "AWS::ApiGateway::Stage": "of one API",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "of one scalable target",
    "AWS::IAM::Policy": "of one role",
    "AWS::Lambda::Alias": "of one function",
    "AWS::Lambda::LayerVersion": "a layer's name gets a new version",
    "AWS::Logs::QueryDefinition": "queries have ids",
}
OF_SOMETHING_ELSE = {"AttributeName", "MetricName", "ServiceName"}


def chosen_names(properties: dict[str, Any], depth: int = 0) -> Iterator[str]:
    """The properties that name something, other than by a reference to a resource."""
    for key, value in properties.items():
        if key.endswith("Name") and key not in OF_SOMETHING_ELSE and names_itself(value):
            yield key
        elif isinstance(value, dict) and depth == 0:
            yield from chosen_names(value, 1)


def names_itself(value: Any) -> bool:
    match value:
        case str():
            return True
        case {"Ref": "AWS::StackName"}:
            return True
        case {"Fn::Sub": str(text)}:
            return "${AWS::StackName}" in text
    return False


def test_preflight_checks_every_name_that_must_be_unique_in_an_account():
    resources = translate(load_template(), {})["Resources"]
    naming = {
        each["Type"] for each in resources.values() if any(chosen_names(each.get("Properties", {})))
    }
    assert naming - MANY_MAY_HAVE_IT.keys() == UNIQUE.keys(), (
        "Left: types of resources whose name the template or SAM chooses, right: those that"
        " ops/preflight/names.py checks. Let CloudFormation choose the name (OmitName of an event"
        " ScheduleV2), or add the type there."
    )
    assert naming >= MANY_MAY_HAVE_IT.keys(), "an exemption that is not needed any more"

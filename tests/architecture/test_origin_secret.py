"""Only CloudFront may call the API, at each step of a rotation, by the template."""

import json
from itertools import pairwise
from typing import Any

import pytest

from ops.rotate_origin_secret import ALSO_ACCEPTED, SENT, Rotation, Step
from tests.support.repository import load_template
from tools.intrinsics import REGION, Resolver
from tools.translate import translate

REFERENCE = "{{{{resolve:secretsmanager:${{OriginSecret}}:SecretString:value-{}}}}}"


class Deployed:
    """The translated template with one set of parameters, and its conditions resolved."""

    def __init__(self, region: str = REGION, **parameters: str) -> None:
        self.template = translate(load_template(), parameters)
        self.resources: dict[str, Any] = self.template["Resources"]
        self._resolver = Resolver(self.template, parameters, region)
        self._sent = parameters.get(SENT, self.template["Parameters"][SENT]["Default"])

    def properties(self, logical_id: str) -> dict[str, Any]:
        return dict(self._resolver.value(self.resources[logical_id]["Properties"]))

    def exists(self, type_: str) -> bool:
        return bool(self._resolver.resources(type_))

    def policy(self) -> dict[str, Any]:
        """The statements of the API's resource policy, by Sid."""
        body = self.properties("GalleryApi")["Body"]
        statements = body["x-amazon-apigateway-policy"]["Statement"]
        return {each["Sid"]: each for each in statements}

    def accepted(self) -> list[str]:
        deny = self.policy()["OnlyThroughCloudFront"]
        return [each["Fn::Sub"] for each in deny["Condition"]["StringNotEquals"]["aws:Referer"]]

    def sent(self) -> str:
        config = self.properties("Distribution")["DistributionConfig"]
        [api] = [each for each in config["Origins"] if each.get("Id") == "api"]
        [header] = api["OriginCustomHeaders"]
        assert header["HeaderName"] == "Referer"
        return str(header["HeaderValue"]["Fn::Sub"]).replace(f"${{{SENT}}}", self._sent)

    def deployment(self) -> str:
        stage = self.properties("GalleryApiapiStage")
        return str(stage["DeploymentId"]["Ref"])


def deployed(rotation: Rotation) -> Deployed:
    values = {SENT: rotation.sent, ALSO_ACCEPTED: rotation.also_accepted}
    return Deployed(**{name: f"value-{number}" for name, number in values.items()})


@pytest.fixture(scope="module")
def steps() -> dict[Step, Deployed]:
    """What is deployed after each step of a first rotation that updates the stack."""
    rotation = Rotation(frozenset({1}), sent=1, also_accepted=1)
    found = {}
    for _ in Step:
        step, rotation = rotation.next_step()
        if step not in (Step.STORE, Step.FORGET):
            found[step] = deployed(rotation)
    return found


@pytest.fixture(scope="module")
def first() -> Deployed:
    """A new stack."""
    return Deployed()


def reference(number: int) -> str:
    return REFERENCE.format(number)


def test_every_route_denies_all_but_what_cloudfront_sends(first: Deployed):
    assert first.sent() == reference(1)
    assert first.accepted() == [reference(1)]
    everything = {"Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    assert first.policy() == {
        "Callers": {"Sid": "Callers", "Effect": "Allow", **everything},
        "OnlyThroughCloudFront": {
            "Sid": "OnlyThroughCloudFront",
            "Effect": "Deny",
            # IAM: a negated operator is true for a key that is not in the request.
            "Condition": {"StringNotEquals": {"aws:Referer": [{"Fn::Sub": reference(1)}]}},
            **everything,
        },
    }


def test_a_rotation_changes_the_policy_then_the_header_then_the_policy(
    steps: dict[Step, Deployed],
):
    found = {step: (each.sent(), each.accepted()) for step, each in steps.items()}
    assert found[Step.ACCEPT] == (reference(1), [reference(1), reference(2)])
    assert found[Step.SEND] == (reference(2), [reference(2), reference(1)])
    assert found[Step.REFUSE] == (reference(2), [reference(2)])


def test_each_change_of_the_policy_creates_a_deployment_of_the_api(
    first: Deployed, steps: dict[Step, Deployed]
):
    """Without a deployment, API Gateway would still apply the old policy."""
    updates = [first, *steps.values()]
    for before, after in pairwise(each.deployment() for each in updates):
        assert before != after


def test_the_stage_follows_the_distribution(first: Deployed):
    """So that a first deployment of the check sends the header before the API asks for it."""
    assert first.properties("GalleryApiapiStage")["Variables"]["Distribution"] == {
        "Ref": "Distribution"
    }


@pytest.mark.parametrize("choice", [{"region": "eu-central-1"}, {"Page": "none"}])
def test_without_a_page_the_api_is_open_and_there_is_no_secret(choice: dict[str, str]):
    without = Deployed(**choice)
    assert without.policy().keys() == {"Callers"}
    assert not without.exists("AWS::SecretsManager::Secret")
    assert without.properties("GalleryApiapiStage")["Variables"] == {}
    outputs = without.template["Outputs"]
    assert outputs["OriginSecretArn"]["Value"]["Fn::If"][2] == "none"


def test_the_secret_is_made_with_the_value_that_a_new_stack_uses(first: Deployed):
    """Any other change of GenerateSecretString would replace the values that stacks use."""
    parameters = first.template["Parameters"]
    generated = first.properties("OriginSecret")["GenerateSecretString"]
    assert parameters[SENT]["Default"] == parameters[ALSO_ACCEPTED]["Default"] == "value-1"
    assert generated == {
        "SecretStringTemplate": "{}",
        "GenerateStringKey": "value-1",
        "PasswordLength": 48,
        "ExcludeCharacters": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    }
    assert "Name" not in first.properties("OriginSecret"), "a fixed name forbids a second stack"


def test_no_function_and_no_role_knows_the_secret(first: Deployed):
    resources = first.resources
    users = {name for name, body in resources.items() if "${OriginSecret}" in json.dumps(body)}
    assert users == {"Distribution", "GalleryApi"}
    references = {name for name, body in resources.items() if '"OriginSecret"' in json.dumps(body)}
    assert references == set()


def test_a_refusal_does_not_describe_the_api(first: Deployed):
    responses = first.properties("GalleryApi")["Body"]["x-amazon-apigateway-gateway-responses"]
    refusal = responses["ACCESS_DENIED"]
    [(media_type, text)] = refusal["responseTemplates"].items()
    body = json.loads(text)
    assert (media_type, refusal["statusCode"], body["status"]) == ("application/json", "403", 403)
    assert "$context" not in text
    assert refusal["responseParameters"]["gatewayresponse.header.Content-Type"] == (
        "'application/problem+json'"
    )

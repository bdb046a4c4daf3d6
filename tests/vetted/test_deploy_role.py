"""The deploy role reaches the stack that it deploys, and nothing else."""

import copy
import json
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec
import pytest
from samcli.yamlhelper import yaml_parse

from tools.translate import ROOT
from tools.vetting.deployment import Deployment, deployed
from tools.vetting.documents import as_list, documents
from tools.vetting.invariants import Invariant, Principal, principals, read_table, who_can
from tools.vetting.policies import problems

TEMPLATE: Final[dict[str, Any]] = yaml_parse((ROOT / ".github" / "deploy-role.yaml").read_text())
CREATED: Final = "AnyRoleThatItCreates"
MANAGED_POLICY: Final = 6_144  # characters without blanks: IAM's quota
TABLES: Final = "arn:aws:dynamodb:us-east-1:123456789012:table"
EVERYTHING: Final = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@pytest.fixture(scope="module")
def prod() -> Deployment:
    return deployed("prod")


def deploying(template: dict[str, Any] = TEMPLATE) -> Deployment:
    """The deploy role of dev. Its name begins with the stack's name, which is the worst case."""
    parameters = {"Repository": "octo/gallery", "StackName": "lambda-gallery-dev"}
    return Deployment(template, parameters, "lambda-gallery-dev-deploy")


def boundary(deployment: Deployment) -> list[dict[str, Any]]:
    policy = deployment.resources["FunctionsBoundary"].properties["PolicyDocument"]
    return list(policy["Statement"])


def invariants(deployment: Deployment) -> list[Invariant]:
    arn = deployment.arn("FunctionsBoundary")
    return [
        msgspec.structs.replace(
            each,
            unless={
                key: [value.replace("${Boundary}", arn) for value in values]
                for key, values in each.unless.items()
            },
        )
        for each in read_table("The role that deploys")
    ]


def violated(deployment: Deployment, prod: Deployment, about: str = "") -> dict[str, set[str]]:
    """The principals that violate an invariant, by its sentence."""
    roles = [*principals(deployment), Principal(CREATED, [EVERYTHING], boundary(deployment))]
    rows = [each for each in invariants(deployment) if about in each.sentence]
    assert rows
    answers = who_can(rows, roles, [prod], [])
    return {
        row.sentence: {f"{each.who} {each.action} {each.resource}" for each in requests}
        for row, requests in zip(rows, answers, strict=True)
        if requests
    }


def test_no_principal_reaches_beyond_the_stack(prod: Deployment):
    assert violated(deploying(), prod) == {}


def test_its_statements_fit_what_aws_documents():
    known = {
        "on ARNs, not on": "resources with random ids; LeaveOtherStacksAlone keeps the others away",
        "token.actions.githubusercontent.com": "GitHub's own keys, which the reference leaves out",
        "UseTransforms": "the ARN of a transform, which the reference leaves out",
    }
    found = problems(documents(deploying()))
    assert [each for each in found if not any(text in each for text in known)] == []
    assert all(any(text in each for each in found) for text in known)


def test_the_boundary_fits_into_a_managed_policy():
    text = json.dumps(boundary(deploying()), separators=(",", ":"))
    assert len(text) < MANAGED_POLICY


def inserted(sid: str, **change: Any) -> dict[str, Any]:
    """The template with one statement changed."""
    template = copy.deepcopy(TEMPLATE)
    resources = template["Resources"]
    documents = [each["PolicyDocument"] for each in _policies(resources)]
    [statement, *_] = [s for each in documents for s in each["Statement"] if s.get("Sid") == sid]
    for key, value in change.items():
        statement[key] = value
    return template


def _policies(resources: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *resources["DeployRole"]["Properties"]["Policies"],
        resources["FunctionsBoundary"]["Properties"],
    ]


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        (inserted("ManageBoundedRoles", Condition={}), "no role without the boundary"),
        (inserted("ReadAndTagRoles", Action="iam:*"), "removes no boundary"),
        (inserted("ReadAndTagRoles", Action="iam:*", Resource="*"), "creates no user"),
        (inserted("ActionsWithoutResources", Action="sts:AssumeRole"), "assumes no role"),
        (inserted("PassRoles", Resource="*"), "passes no role of another stack"),
        (inserted("PassRoles", Condition={}), "services in use only"),
        (inserted("ReadAndWriteArtifacts", Resource="*"), "artifacts of another stack"),
        (inserted("ReadApiGatewayAccount", Action="apigateway:*"), "API settings"),
        (inserted("DeployStack", Resource="*"), "no stack but its own"),
        pytest.param(
            inserted("ManageTables", Resource="*"), "none of prod's tables", marks=pytest.mark.slow
        ),
        (
            inserted("AccessStackData", Resource=f"{TABLES}/lambda-gallery-*"),
            "none of prod's tables",
        ),
        (inserted("ActionsWithoutNames", Action="*"), "assumes no role"),
        (inserted("ManageApis"), "none of prod's API"),  # without DenyOtherStacks
    ],
)
def test_a_wider_grant_is_found(template: dict[str, Any], sentence: str, prod: Deployment):
    without_tags = template
    for policy in _policies(without_tags["Resources"]):
        statements = policy["PolicyDocument"]["Statement"]
        policy["PolicyDocument"]["Statement"] = [
            each for each in statements if each.get("Sid") != "DenyOtherStacks"
        ]
    assert violated(deploying(without_tags), prod, about=sentence)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_boundary_is_attached_to_every_role_and_allows_all_of_its_grants(stage: str):
    arn = "arn:aws:iam::123456789012:policy/boundary"
    stack = deployed(stage, PermissionsBoundaryArn=arn, ApiAccessLogs="none")
    for name, role in stack.of_type("AWS::IAM::Role"):
        assert role.properties.get("PermissionsBoundary") == arn, (
            f"{name}: copy PermissionsBoundary from a file in permissions/."
        )
    parameters = {"Repository": "octo/gallery", "StackName": stack.stack}
    allowed = [
        (action.lower(), resource)
        for statement in boundary(Deployment(TEMPLATE, parameters, "deploy"))
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in as_list(statement["Resource"])
    ]
    grants = {
        (action, resource)
        for each in principals(stack)
        for statement in each.statements
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
    assert len(grants) > 50
    assert not {
        (action, resource)
        for action, resource in grants
        if not any(
            fnmatchcase(action.lower(), pattern) and fnmatchcase(resource, arn)
            for pattern, arn in allowed
        )
    }, "FunctionsBoundary in .github/deploy-role.yaml lacks these grants of roles: add them."

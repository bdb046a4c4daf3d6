"""Workflows and the deploy role: what jactionlint and zizmor cannot check."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any, Final

import botocore.session
import pytest
import yaml
from botocore import xform_name
from samcli.yamlhelper import yaml_parse

from ops.stacks import read_stage
from tests.support.repository import ROOT, load_template
from tools.translate import translate

FOLDER: Final = ROOT / ".github" / "workflows"
TEXTS: Final = {path.name: path.read_text() for path in sorted(FOLDER.iterdir())}
WORKFLOWS: Final[dict[str, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
PINNED: Final = re.compile(r"(actions|aws-actions)/([\w-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+")
ROLE: Final[dict[str, Any]] = yaml_parse((ROOT / ".github" / "deploy-role.yaml").read_text())
UNUSED: Final = {  # of what CloudFormation calls for such resources, by what the stack's do without
    "kms:*": "customer managed keys",
    "payments:GetConnectedAccount": "rules of the AWS Marketplace",
    "ec2:*": "a VPC",
    "elasticfilesystem:*": "file systems",
    "s3files:*": "file systems",
    "cloudfront:CreateConnectionGroup": "tenants of a distribution",
    "cloudfront:CreateDistributionWithTags": "an action that IAM does not know: it is TagResource",
    "cloudfront:UpdateDistributionWithStagingConfig": "a staging distribution",
    "dynamodb:*Item": "imports and replicas of a table",
    "dynamodb:*TableReplica": "replicas of a table",
    "dynamodb:*KinesisStreamingDestination": "changes of a table sent to Kinesis",
    "dynamodb:ImportTable": "imports into a table",
    "s3:GetObjectMetadata": "imports into a table",
    "dynamodb:Query": "replicas of a table",
    "dynamodb:Scan": "replicas of a table",
    "dynamodb:PutResourcePolicy": "a policy of the table itself",
    "dynamodb:DeleteResourcePolicy": "a policy of the table itself",
    "secretsmanager:RemoveRegionsFromReplication": "replicas of a secret",
    "secretsmanager:ReplicateSecretToRegions": "replicas of a secret",
    "firehose:*": "logs that go elsewhere",
    "s3:REST.PUT.OBJECT": "logs that go elsewhere",
    "iam:*GroupPolicy": "groups",
    "iam:*UserPolicy": "users",
    "iam:DeleteRolePermissionsBoundary": "a role without its boundary",
    "iam:AttachRolePolicy": "managed policies; an administrator makes the role for access logs",
    "iam:DetachRolePolicy": "managed policies; an administrator makes the role for access logs",
    "s3:*BucketMetadata*": "metadata tables of a bucket",
    "s3tables:*": "metadata tables of a bucket",
    "s3:DeleteBucket*": "actions that IAM does not know: each is a PutBucket or PutConfiguration",
    "s3:PutObjectAcl": "access control lists",
}
INLINE_POLICIES: Final = 10_240  # characters of a role's, blanks not counted: IAM's quota
every_workflow = pytest.mark.parametrize("name", WORKFLOWS)


@pytest.fixture(scope="module")
def resources() -> dict[str, dict[str, Any]]:
    """Of the stack, as CloudFormation sees them."""
    return dict(translate(load_template(), {})["Resources"])


def triggers(workflow: dict[Any, Any]) -> set[str]:
    return set(workflow[True])  # `on`, to YAML 1.1


def jobs() -> dict[str, dict[str, Any]]:
    return dict(WORKFLOWS["deploy.yml"]["jobs"])


def commands(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


def statements() -> dict[str, dict[str, Any]]:
    """All that the role may do, by Sid."""
    resources = ROLE["Resources"]
    documents = [
        each["PolicyDocument"] for each in resources["DeployRole"]["Properties"]["Policies"]
    ]
    documents.append(resources["JourneyPolicy"]["Properties"]["PolicyDocument"])
    found = [each for document in documents for each in document["Statement"]]
    return {each["Sid"]: each for each in found if each["Effect"] == "Allow"}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_documents_name_statements_of_the_role_that_exist():
    page = (ROOT / "docs" / "aws-unproven.md").read_text()
    named = re.findall(r"statement `(\w+)`", page)
    assert named
    assert set(named) <= statements().keys()


@every_workflow
def test_actions_are_githubs_or_awss_and_pinned_by_commit(name: str):
    used = re.findall(r"uses: (.+)", TEXTS[name])
    assert used
    for each in used:
        if each.startswith("$/"):
            assert (ROOT / each.removeprefix("$/")).is_file()
        else:
            assert PINNED.fullmatch(each), each


def test_an_action_has_one_version():
    pinned = {match.groups() for text in TEXTS.values() for match in PINNED.finditer(text)}
    assert len(pinned) == len({action for _, action, _ in pinned})


@every_workflow
def test_only_deployments_may_do_more_than_read(name: str):
    workflow = WORKFLOWS[name]
    assert workflow["permissions"] == {"contents": "read"}
    for job_name, job in workflow["jobs"].items():
        deploys = (name, job_name) in {("deploy.yml", "dev"), ("deploy.yml", "prod")}
        own = {"contents": "read", "id-token": "write"} if deploys else None
        assert job.get("permissions") == own
        assert ("environment" in job) == deploys


@every_workflow
def test_no_access_keys_and_no_untrusted_code_with_permissions(name: str):
    assert "secrets" not in TEXTS[name]
    assert not triggers(WORKFLOWS[name]) & {"pull_request_target", "workflow_run", "issue_comment"}


def test_pull_requests_and_main_run_what_a_person_runs():
    ci = WORKFLOWS["ci.yml"]
    assert {"pull_request", "workflow_call"} <= triggers(ci)
    [job] = ci["jobs"].values()
    assert any(command.split()[0] == ".ci/run" for command in commands(job))
    assert WORKFLOWS["deploy.yml"][True]["push"] == {"branches": ["main"]}
    assert jobs()["ci"] == {"uses": "$/.github/workflows/ci.yml"}


def test_prod_comes_after_dev_and_dev_after_ci():
    deploying = {name: job for name, job in jobs().items() if name != "ci"}
    assert {name: job["needs"] for name, job in deploying.items()} == {"dev": "ci", "prod": "dev"}
    for name, job in deploying.items():
        assert job["environment"] == name
        boundary = "--parameter PermissionsBoundaryArn=$PERMISSIONS_BOUNDARY_ARN"
        assert commands(job)[0] == f'make deploy STAGE={name} ARGS="--yes {boundary}"'
        assert job["concurrency"] == {"group": f"deploy-{name}", "cancel-in-progress": False}
    assert commands(deploying["dev"])[1:] == [f"make e2e STACK={read_stage('dev').stack}"]
    assert "refs/heads/main" in deploying["dev"]["if"]


def test_a_fork_without_an_account_does_not_deploy():
    # A job's `if` is read before its environment is, and knows the repository's variables only.
    assert "vars.AWS_REGION != ''" in jobs()["dev"]["if"]


def test_every_make_target_of_the_workflows_exists():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = set(re.findall(r"run: make ([a-z0-9-]+)", "\n".join(TEXTS.values())))
    assert asked
    assert asked <= targets


def test_the_role_trusts_one_environment_of_one_repository():
    [trust] = ROLE["Resources"]["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {
                "Fn::Sub": "repo:${Repository}:environment:${Environment}"
            },
        }
    }


@pytest.mark.parametrize(
    ("repository", "good"),
    [
        ("octo/gallery", True),
        ("octo@583231/gallery@1296269", True),
        ("octo/*", False),
        ("octo", False),
        ("octo/gallery:ref:refs/heads/x", False),
    ],
)
def test_the_roles_repository_has_no_wildcard(repository: str, good: bool):
    pattern = ROLE["Parameters"]["Repository"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, repository)) == good


def test_the_role_passes_and_creates_only_roles_of_the_stack(resources: dict[str, Any]):
    touching = {
        sid: each
        for sid, each in statements().items()
        if any(action.startswith("iam:") for action in as_list(each["Action"]))
    }
    own = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/${StackName}-*"}
    linked = touching.pop("CreateServiceLinkedRoles")
    assert linked["Action"] == "iam:CreateServiceLinkedRole"
    assert touching
    assert all(each["Resource"] == own for each in touching.values())
    passing = touching["PassRoles"]["Condition"]["StringEquals"]["iam:PassedToService"]
    trusted = {
        principal.removesuffix(".amazonaws.com")
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Role"
        for trust in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        for principal in as_list(trust["Principal"]["Service"])
    }
    passed = {each.removesuffix(".amazonaws.com") for each in passing}
    # CloudFront takes the function, not its role; an administrator makes API Gateway's role.
    assert trusted - {"edgelambda", "apigateway"} <= passed


def test_the_role_may_touch_this_stacks_layers_only():
    touched = [
        resource["Fn::Sub"]
        for each in statements().values()
        for resource in as_list(each["Resource"])
        if ":layer:" in str(resource)
    ]
    assert [each.partition(":layer:")[2] for each in touched] == ["${StackName}-*"]


def test_the_role_allows_the_calls_of_cloudformation_for_every_resource(resources: dict[str, Any]):
    granted = [
        action for each in statements().values() for action in as_list(each["Action"])
    ] + list(UNUSED)
    needed = {
        (resource["Type"], action)
        for resource in resources.values()
        for operation, handler in handlers(resource["Type"]).items()
        if operation != "list"
        for action in handler["permissions"]
    }
    assert len(needed) > 100
    assert not {
        each
        for each in needed
        if not any(fnmatchcase(each[1].lower(), may.lower()) for may in granted)
    }


def handlers(resource_type: str) -> dict[str, Any]:
    """What CloudFormation calls to make, read, change and delete one, as its registry says."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER  # slow to import

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    return dict(schema["handlers"])


def test_the_role_allows_the_calls_of_make_deploy():
    """Its calls to CloudFormation and Lambda, which come beside those of CloudFormation and sam."""
    asked: set[str] = set()
    for path in (
        "change_sets", "function_versions", "leftover_versions", "stack_events", "stack_states",
        "stacks",
    ):  # fmt: skip
        text = (ROOT / "ops" / f"{path}.py").read_text()
        words = set(re.findall(r"\b[a-z_]+\b", text))
        for service in ("cloudformation", "lambda"):
            operations = botocore.session.Session().get_service_model(service).operation_names
            asked |= {f"{service}:{each}" for each in operations if xform_name(each) in words}
    assert {"cloudformation:ExecuteChangeSet", "lambda:DeleteFunction"} <= asked
    asked.remove("cloudformation:ListStacks")  # of destroy, which no workflow runs
    everything = {
        "DeployStack": "stack/${StackName}/*",
        "ManageNamedResources": "${StackName}-*",
    }
    for sid, own in everything.items():
        granted = statements()[sid]
        assert any(own in str(each) for each in as_list(granted["Resource"]))
        asked -= {
            each
            for each in asked
            if any(fnmatchcase(each, may) for may in as_list(granted["Action"]))
        }
    assert not asked


def test_the_role_allows_the_calls_of_preflight():
    """The calls that tests/data/accounts answers; some have another name in IAM."""
    otherwise = {
        "apigateway:GetAccount": "apigateway:GET",
        "budgets:DescribeBudgets": "budgets:ViewBudget",
        "s3:HeadBucket": "s3:ListBucket",
        "s3:ListObjectVersions": "s3:ListBucketVersions",
        "service-quotas:GetAWSDefaultServiceQuota": "servicequotas:GetAWSDefaultServiceQuota",
        "service-quotas:GetServiceQuota": "servicequotas:GetServiceQuota",
        "sts:GetCallerIdentity": None,  # everybody may
    }
    calls = {
        entry["call"].replace(".", ":")
        for file in (ROOT / "tests" / "data" / "accounts").glob("*.json")
        for entry in json.loads(file.read_text())
    }
    asked = {action for call in calls if (action := otherwise.get(call, call))}
    asked |= {"acm:DescribeCertificate", "ec2:DescribeRegions"}  # with a domain, with an old page
    granted = {action for each in statements().values() for action in as_list(each["Action"])}
    assert not [each for each in asked if not any(fnmatchcase(each, may) for may in granted)]
    lists = {  # actions that IAM knows for no single resource
        "cloudformation:ListStacks", "cloudfront:ListCachePolicies",
        "cloudfront:ListDistributions", "cloudfront:ListOriginAccessControls",
        "cloudwatch:ListDashboards", "kinesis:DescribeLimits", "lambda:GetAccountSettings",
    }  # fmt: skip
    assert lists <= asked
    anywhere = statements()["ActionsWithoutResources"]
    assert anywhere["Resource"] == "*"
    assert not [
        each for each in lists if not any(fnmatchcase(each, may) for may in anywhere["Action"])
    ]


def test_the_roles_policies_fit():
    policies = [
        each["PolicyDocument"] for each in ROLE["Resources"]["DeployRole"]["Properties"]["Policies"]
    ]
    text = json.dumps(policies, separators=(",", ":"))
    names = {
        "${AWS::Partition}": "aws",
        "${AWS::Region}": "eu-central-1",
        "${AWS::AccountId}": "123456789012",
        "${StackName}": "lambda-gallery-somebodys-own",
        '{"Fn::Sub":': "",
    }
    for name, value in names.items():
        text = text.replace(name, value)
    assert len(text) < INLINE_POLICIES

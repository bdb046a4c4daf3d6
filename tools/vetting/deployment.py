"""The resources that CloudFormation creates from a template, with the names that it gives them.

Checkers do not evaluate conditions, mappings or references. So they are all resolved here.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tools.intrinsics import Resolver
from tools.translate import load_template, translate

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
STAGES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    # dev has nothing that is optional, prod has everything. `local` is never deployed to AWS. Both
    # have the function URL, because docs/security.md names CloudFront among those who call it.
    "dev": ("lambda-gallery-dev", {"Stage": "dev", "ViewsApi": "function-url-prepared"}),
    "prod": (
        "lambda-gallery",
        {
            "Stage": "prod",
            "AlarmEmail": "operator@example.com",
            "ApiAccessLogs": "with-a-new-role",
            "CertificateArn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/0a1b",
            "DomainName": "photos.example.com",
            "MonthlyBudget": "50",
            "RushHourBegins": "cron(45 17 * * ? *)",
            "RushHourEnds": "cron(0 23 * * ? *)",
            "ViewsApi": "function-url",
            "WebAclArn": f"arn:aws:wafv2:us-east-1:{ACCOUNT}:global/webacl/gallery/0a1b",
        },
    ),
}
"""The name of each stage's stack, and the parameters that it is checked with."""

_NAMES: Final = {  # the property that names a resource, if the type has one
    "AWS::ApiGateway::RestApi": "",  # its name is no part of its ARN
    "AWS::Lambda::LayerVersion": "LayerName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
_ARNS: Final = {
    "AWS::ApiGateway::RestApi": "apigateway:{region}::/restapis/{name}",
    "AWS::CloudFront::Distribution": "cloudfront::{account}:distribution/{name}",
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::Cognito::UserPool": "cognito-idp:{region}:{account}:userpool/{region}_{name}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::IAM::OIDCProvider": "iam::{account}:oidc-provider/token.actions.githubusercontent.com",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::Kinesis::Stream": "kinesis:{region}:{account}:stream/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Lambda::LayerVersion": "lambda:{region}:{account}:layer:{name}:1",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{region}:{account}:secret:{name}-0a1b2c",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
}
_REF_IS_ARN: Final = {
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::OIDCProvider",
    "AWS::Lambda::LayerVersion",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
}
_UNNAMED: Final = {  # their ids are random: neither stack nor logical id is in them
    "AWS::ApiGateway::RestApi",
    "AWS::CloudFront::Distribution",
    "AWS::Cognito::UserPool",
}
_VARIABLE: Final = re.compile(r"\$\{([^!{}]+)\}")


class TemplateResource(msgspec.Struct, frozen=True):
    """A resource whose properties are fully resolved."""

    type: str
    properties: dict[str, Any]


class Deployment:
    """A stack's resources by logical id.

    Raises:
        ValueError: the template uses an intrinsic function that is not evaluated here.
    """

    def __init__(
        self, template: Mapping[str, Any], parameters: Mapping[str, str], stack: str
    ) -> None:
        self.stack = stack
        resolver = Resolver(template, parameters)
        self._parameters = {name: resolver.value({"Ref": name}) for name in template["Parameters"]}
        self._known = {
            name: {key: resolver.value(value) for key, value in resource.items()}
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or resolver.holds(resource["Condition"])
        }
        self._pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack}/0a1b",
            "AWS::StackName": stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self.resources = {
            name: TemplateResource(each["Type"], self._resolved(each.get("Properties", {})))
            for name, each in self._known.items()
        }

    def of_type(self, *types: str) -> Iterator[tuple[str, TemplateResource]]:
        """Logical id and resource."""
        return ((name, each) for name, each in self.resources.items() if each.type in types)

    def arn(self, name: str) -> str:
        """The ARN of a resource.

        Raises:
            ValueError: no such resource is deployed, or resources of its type have no ARN here.
        """
        if name not in self._known:
            raise ValueError(f"{self.stack} deploys no resource {name!r}")
        kind = self._known[name]["Type"]
        if kind not in _ARNS:
            raise ValueError(f"the ARN of {name} is not known: {kind} is not in {__name__}")
        fields = {"region": REGION, "account": ACCOUNT, "name": self.physical_name(name)}
        return "arn:aws:" + _ARNS[kind].format(**fields)

    def physical_name(self, name: str) -> str:
        """The name that the template or CloudFormation gives a resource."""
        resource = self._known[name]
        kind = resource["Type"]
        property_name = _NAMES.get(kind, "")
        if given := resource.get("Properties", {}).get(property_name):
            return str(self._resolved(given))
        if kind in _UNNAMED:
            return hashlib.sha256(f"{self.stack} {name}".encode()).hexdigest()[:10]
        if kind in {"AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine"}:
            return f"{name}-0A1B2C"  # CloudFormation leaves the stack's name out
        made = f"{self.stack}-{name}-0A1B2C"
        return made.lower() if kind == "AWS::S3::Bucket" else made

    def template(self) -> dict[str, Any]:
        """The resolved template, for the checkers."""
        return {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Resources": {
                name: {"Type": each.type, "Properties": each.properties}
                for name, each in self.resources.items()
            },
        }

    def _resolved(self, node: Any) -> Any:
        match node:
            case {"Ref": str(name)}:
                return self._reference(name)
            case {"Fn::GetAtt": [*path]}:
                return self._attribute(*".".join(map(str, path)).split(".", 1))
            case {"Fn::GetAtt": str(path)}:
                return self._attribute(*path.split(".", 1))
            case {"Fn::Sub": [str(text), dict(variables)]}:
                return self._substituted(text, self._resolved(variables))
            case {"Fn::Sub": str(text)}:
                return self._substituted(text, {})
            case {"Fn::Join": [str(delimiter), parts]}:
                return delimiter.join(map(str, self._resolved(parts)))
            case {"Fn::Select": [int(index), parts]}:
                return self._resolved(parts)[index]
            case {"Fn::Split": [str(delimiter), text]}:
                return str(self._resolved(text)).split(delimiter)
            case dict():
                if unknown := [key for key in node if key.startswith("Fn::")]:
                    raise ValueError(f"{unknown[0]} is not evaluated here: {node}")
                return {key: self._resolved(value) for key, value in node.items()}
            case list():
                return [self._resolved(each) for each in node]
        return node

    def _reference(self, name: str) -> str:
        if name in self._pseudo or name in self._parameters:
            return str(self._pseudo.get(name, self._parameters.get(name)))
        if name not in self._known:
            raise ValueError(
                f"a resource of {self.stack} refers to {name!r}, which is not deployed"
            )
        resource = self._known[name]
        match resource["Type"]:
            case kind if kind in _REF_IS_ARN:
                return self.arn(name)
            case "AWS::Lambda::Version":
                return f"{self._function_arn(resource)}:1"
            case "AWS::Lambda::Alias":
                return f"{self._function_arn(resource)}:{resource['Properties']['Name']}"
            case "AWS::SQS::Queue":
                return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.physical_name(name)}"
        return self.physical_name(name)

    def _function_arn(self, resource: Mapping[str, Any]) -> str:
        name = resource["Properties"]["FunctionName"]
        return self.arn(name["Ref"])

    def _attribute(self, name: str, attribute: str) -> str:
        if attribute == "Arn":
            return self.arn(name)
        if attribute == "StreamArn":
            return f"{self.arn(name)}/stream/2026-11-28T00:00:00.000"
        if attribute == "Name":
            return self.physical_name(name)
        if attribute == "FunctionUrl":
            return f"https://0a1b.lambda-url.{REGION}.on.aws/"
        return f"{self._reference(name)}.{attribute}"

    def _substituted(self, text: str, variables: Mapping[str, Any]) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in variables:
                return str(variables[name])
            found = self._attribute(*name.split(".", 1)) if "." in name else self._reference(name)
            return str(found)

        return _VARIABLE.sub(value, text).replace("${!", "${")


def deployed(stage: str, **extra: str) -> Deployment:
    """A stage of template.yaml, as translated by SAM, with its parameters of STAGES."""
    stack, parameters = STAGES[stage]
    given = parameters | extra
    return Deployment(translate(load_template(), dict(given)), given, stack)

"""The resources and outputs of a stack on a laptop cloud, read through CloudFormation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud, CloudError


@dataclass(frozen=True)
class Resource:
    """A resource of a stack; of a nested stack the logical id is `NESTED/ID`."""

    logical_id: str
    type: str
    physical_id: str


@dataclass(frozen=True)
class Stack:
    """A deployed stack."""

    cloud: Cloud
    name: str

    def outputs(self) -> dict[str, str]:
        """The outputs by name."""
        stacks = self.cloud.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stacks[0].get("Outputs", [])}

    def resources(self) -> list[Resource]:
        """All resources, those of nested stacks among them.

        Raises:
            CloudError: there is no such stack.
        """
        try:
            return list(self._resources(self.name, ""))
        except ClientError as error:
            raise CloudError(f"Stack {self.name} cannot be read: {error}") from error

    def of_type(self, kind: str) -> dict[str, str]:
        """The physical ids of the resources of one type, by logical id."""
        found = self.resources()
        return {each.logical_id: each.physical_id for each in found if each.type == kind}

    def function_name(self, logical_id: str) -> str:
        """The name of a function.

        Raises:
            CloudError: the stack has no such function.
        """
        found = self.of_type("AWS::Lambda::Function")
        if logical_id not in found:
            raise CloudError(
                f"Stack {self.name} has no function {logical_id}."
                f" It has {', '.join(sorted(found)) or 'none'}."
            )
        return found[logical_id]

    def logical_ids(self) -> dict[str, str]:
        """The functions' logical ids by their names."""
        return {name: each for each, name in self.of_type("AWS::Lambda::Function").items()}

    def functions(self) -> dict[str, dict[str, Any]]:
        """What GetFunctionConfiguration answers for each function, by logical id."""
        client = self.cloud.client("lambda")
        return {
            logical_id: client.get_function_configuration(FunctionName=name)
            for logical_id, name in self.of_type("AWS::Lambda::Function").items()
        }

    def log_groups(self) -> dict[str, dict[str, str]]:
        """By log group, the logical ids of the functions that write there, by their names."""
        found: dict[str, dict[str, str]] = {}
        for logical_id, configuration in self.functions().items():
            functions = found.setdefault(configuration["LoggingConfig"]["LogGroup"], {})
            functions[configuration["FunctionName"]] = logical_id
        return found

    def addresses(self) -> dict[str, str]:
        """The URLs of APIs, by logical id."""
        endpoint = self.cloud.endpoint
        rest, http = self.cloud.client("apigateway"), self.cloud.client("apigatewayv2")
        found: dict[str, str] = {}
        for logical_id, api in self.of_type("AWS::ApiGateway::RestApi").items():
            stages = [each["stageName"] for each in rest.get_stages(restApiId=api)["item"]]
            found |= _at_stages(endpoint, logical_id, api, stages)
        for logical_id, api in self.of_type("AWS::ApiGatewayV2::Api").items():
            stages = [each["StageName"] for each in http.get_stages(ApiId=api)["Items"]]
            is_web_socket = http.get_api(ApiId=api)["ProtocolType"] == "WEBSOCKET"
            base = endpoint.replace("http:", "ws:") if is_web_socket else endpoint
            found |= _at_stages(base, logical_id, api, stages)
        return found

    def load_balancers(self) -> dict[str, str]:
        """The URLs of Application Load Balancers, by logical id."""
        found = self.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer")
        return {
            logical_id: f"{self.cloud.endpoint}/_alb/{arn.split('/')[2]}"
            for logical_id, arn in found.items()
        }

    def function_urls(self) -> dict[str, str]:
        """The URLs of functions, by the logical id of the URL."""
        client = self.cloud.client("lambda")
        found = {}
        for logical_id, function in self.of_type("AWS::Lambda::Url").items():
            url = client.get_function_url_config(FunctionName=function)["FunctionUrl"]
            url_id = url.removeprefix("https://").partition(".")[0]
            found[logical_id] = f"{self.cloud.endpoint}/_aws/lambda-url/{url_id}"
        return found

    def _resources(self, stack: str, prefix: str) -> Iterator[Resource]:
        pages = self.cloud.client("cloudformation").get_paginator("list_stack_resources")
        for page in pages.paginate(StackName=stack):
            for each in page["StackResourceSummaries"]:
                logical_id = prefix + each["LogicalResourceId"]
                physical_id = each.get("PhysicalResourceId", "")
                yield Resource(logical_id, each["ResourceType"], physical_id)
                if each["ResourceType"] == "AWS::CloudFormation::Stack":
                    yield from self._resources(physical_id, f"{logical_id}/")


def _at_stages(endpoint: str, logical_id: str, api: str, stages: list[str]) -> dict[str, str]:
    # SAM creates a stage named Stage in addition to the one that the template names.
    wanted = [each for each in stages if each != "Stage"] or stages
    return {
        logical_id if len(wanted) == 1 else f"{logical_id} {stage}": (
            f"{endpoint}/_aws/execute-api/{api}/{stage}".removesuffix("/$default")
        )
        for stage in wanted
    }

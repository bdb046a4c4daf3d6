"""Deployments of WebSocket and HTTP APIs, a resource type that ministack does not know.

Its APIs need no deployment to answer; the record is for the stages that refer to it.
"""

import json
from http import HTTPStatus
from typing import Any, Final

TYPE: Final = "AWS::ApiGatewayV2::Deployment"

type Properties = dict[str, Any]


def install() -> None:
    """Add the resource type to ministack's CloudFormation."""
    from ministack.services import apigateway  # noqa: PLC0415 - not in the development environment
    from ministack.services.cloudformation import provisioners  # noqa: PLC0415

    def create(_: str, properties: Properties, __: str) -> tuple[str, dict[str, str]]:
        data = {"description": properties.get("Description", "")}
        status, _, body = apigateway._create_deployment(properties["ApiId"], data)  # noqa: SLF001
        if status != HTTPStatus.CREATED:
            raise ValueError(f"{TYPE}: there is no API {properties['ApiId']}")
        deployment = json.loads(body)["deploymentId"]
        return deployment, {"DeploymentId": deployment}

    def delete(deployment: str, properties: Properties) -> None:
        apigateway._delete_deployment(properties["ApiId"], deployment)  # noqa: SLF001

    provisioners._RESOURCE_HANDLERS[TYPE] = {"create": create, "delete": delete}  # noqa: SLF001

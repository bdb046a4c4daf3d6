"""The addresses of a stack's APIs, function URLs and load balancers."""

from types import SimpleNamespace
from typing import Any

from localcloud.cloud import Cloud
from localcloud.stack import Stack

RESOURCES = {
    "Shop": ("AWS::ApiGateway::RestApi", "a1"),
    "Chat": ("AWS::ApiGatewayV2::Api", "a2"),
    "Plain": ("AWS::ApiGatewayV2::Api", "a3"),
    "Live": ("AWS::ApiGatewayV2::Api", "a4"),
    "Balancer": (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/shop-Balancer-1/f3",
    ),
    "FunctionUrl": ("AWS::Lambda::Url", "shop-Function-1:live"),
}
STAGES = {"a1": ["Stage", "Prod"], "a2": ["blue", "green"], "a3": ["$default"], "a4": ["live"]}


class CloudOfStubs(Cloud):
    """Answers for the stack above."""

    def client(self, service: Any) -> Any:
        summaries = [
            {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": physical_id}
            for name, (kind, physical_id) in RESOURCES.items()
        ]
        return {
            "cloudformation": SimpleNamespace(
                get_paginator=lambda _: SimpleNamespace(
                    paginate=lambda **_: [{"StackResourceSummaries": summaries}]
                )
            ),
            "apigateway": SimpleNamespace(
                get_stages=lambda restApiId: {  # noqa: N803 - boto3's name
                    "item": [{"stageName": each} for each in STAGES[restApiId]]
                }
            ),
            "apigatewayv2": SimpleNamespace(
                get_api=lambda ApiId: {  # noqa: N803 - boto3's name
                    "ProtocolType": "WEBSOCKET" if ApiId == "a4" else "HTTP"
                },
                get_stages=lambda ApiId: {  # noqa: N803 - boto3's name
                    "Items": [{"StageName": each} for each in STAGES[ApiId]]
                },
            ),
            "lambda": SimpleNamespace(
                get_function_url_config=lambda FunctionName: {  # noqa: N803 - boto3's name
                    "FunctionUrl": f"https://{FunctionName[:4]}0id.lambda-url.us-east-1.on.aws/"
                }
            ),
        }[service]


def test_addresses_are_those_that_the_laptop_cloud_answers():
    stack = Stack(CloudOfStubs("127.0.0.1", 4566), "shop")
    assert stack.addresses() == {
        "Shop": "http://127.0.0.1:4566/_aws/execute-api/a1/Prod",
        "Chat blue": "http://127.0.0.1:4566/_aws/execute-api/a2/blue",
        "Chat green": "http://127.0.0.1:4566/_aws/execute-api/a2/green",
        "Plain": "http://127.0.0.1:4566/_aws/execute-api/a3",
        "Live": "ws://127.0.0.1:4566/_aws/execute-api/a4/live",
    }
    urls = {"FunctionUrl": "http://127.0.0.1:4566/_aws/lambda-url/shop0id"}
    assert stack.function_urls() == urls
    assert stack.load_balancers() == {"Balancer": "http://127.0.0.1:4566/_alb/shop-Balancer-1"}

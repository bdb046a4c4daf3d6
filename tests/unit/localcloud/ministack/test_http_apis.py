"""HTTP APIs have what their OpenAPI body defines."""

from typing import Any

from localcloud.ministack.http_apis import from_openapi

INTEGRATION = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/ARN/invocations",
    "payloadFormatVersion": "2.0",
}


def operation(**more: Any) -> dict[str, Any]:
    return {"x-amazon-apigateway-integration": INTEGRATION, "responses": {}, **more}


def test_each_operation_is_a_route_with_its_integration():
    api = from_openapi(
        {
            "paths": {
                "/orders/{id}": {"get": operation(), "parameters": []},
                "/any": {"x-amazon-apigateway-any-method": operation()},
                "/$default": {"x-amazon-apigateway-any-method": operation(isDefaultRoute=True)},
                "/nothing": {"get": {"responses": {}}},
            }
        }
    )
    assert [route.key for route in api.routes] == ["GET /orders/{id}", "ANY /any", "$default"]
    assert {route.authorizer for route in api.routes} == {None}
    assert api.routes[0].integration == {
        "integrationType": "AWS_PROXY",
        "integrationMethod": "POST",
        "integrationUri": INTEGRATION["uri"],
        "payloadFormatVersion": "2.0",
    }


def test_authorizers_and_scopes_of_routes():
    api = from_openapi(
        {
            "components": {
                "securitySchemes": {
                    "Users": {
                        "type": "oauth2",
                        "x-amazon-apigateway-authorizer": {
                            "type": "jwt",
                            "jwtConfiguration": {"issuer": "https://i", "audience": ["a"]},
                            "identitySource": "$request.header.Authorization",
                        },
                    },
                    "Partners": {
                        "type": "apiKey",
                        "x-amazon-apigateway-authorizer": {
                            "type": "request",
                            "authorizerUri": "arn:partners",
                            "identitySource": "$request.header.A, $request.header.B",
                            "authorizerCredentials": "arn:role",
                        },
                    },
                }
            },
            "security": [{"Users": []}],
            "paths": {
                "/default": {"get": operation()},
                "/scoped": {"get": operation(security=[{"Users": ["read"]}])},
                "/partners": {"get": operation(security=[{"Partners": []}])},
                "/signed": {"get": operation(security=[{"AWS_IAM": []}])},
                "/open": {"get": operation(security=[])},
            },
        }
    )
    assert [(route.key, route.authorizer, route.scopes) for route in api.routes] == [
        ("GET /default", "Users", ()),
        ("GET /scoped", "Users", ("read",)),
        ("GET /partners", "Partners", ()),
        ("GET /signed", "AWS_IAM", ()),
        ("GET /open", None, ()),
    ]
    assert api.authorizers["Users"]["authorizerType"] == "JWT"
    assert api.authorizers["Partners"] == {
        "authorizerType": "REQUEST",
        "authorizerUri": "arn:partners",
        "authorizerCredentialsArn": "arn:role",
        "identitySource": ["$request.header.A", "$request.header.B"],
    }


def test_cors_is_taken_from_the_body():
    cors = {"allowOrigins": ["*"]}
    assert from_openapi({"x-amazon-apigateway-cors": cors}).cors == cors

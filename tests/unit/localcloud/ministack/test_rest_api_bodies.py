"""The parts of a REST API's OpenAPI body that are read, in both versions, as SAM writes it."""

from localcloud.ministack.rest_api_bodies import MethodRequest, RestApiBody, read_body

PHOTO = {"type": "object", "properties": {"size": {"$ref": "#/definitions/Size"}}}
SIZE = {"type": "integer"}
OPENAPI_2 = {
    "swagger": "2.0",
    "definitions": {"Photo": PHOTO, "Size": SIZE},
    "x-amazon-apigateway-request-validator": "both",
    "x-amazon-apigateway-request-validators": {
        "both": {"validateRequestBody": True, "validateRequestParameters": True}
    },
    "x-amazon-apigateway-gateway-responses": {"THROTTLED": {"statusCode": 429}},
    "paths": {
        "/photos": {
            "parameters": [{"name": "X-Team", "in": "header", "required": True}],
            "post": {
                "parameters": [
                    {"name": "Photo", "in": "body", "schema": {"$ref": "#/definitions/Photo"}}
                ]
            },
            "x-amazon-apigateway-any-method": {"x-amazon-apigateway-request-validator": "none"},
        }
    },
}
OPENAPI_3 = {
    "openapi": "3.0.1",
    "components": {"schemas": {"Photo": {"type": "object"}}},
    "paths": {
        "/photos": {
            "get": {"parameters": [{"name": "limit", "in": "query"}]},
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Photo"}}
                    }
                }
            },
            "put": {
                "requestBody": {"content": {"application/json": {"schema": {"type": "array"}}}}
            },
        }
    },
}


def method(body: RestApiBody, name: str) -> MethodRequest:
    [found] = [each for each in body.methods if each.method == name]
    return found


def test_openapi_2():
    body = read_body(OPENAPI_2)
    assert body.gateway_responses == {"THROTTLED": {"statusCode": 429}}
    assert body.validators.keys() == {"both"}
    assert method(body, "POST") == MethodRequest(
        "/photos",
        "POST",
        validator="both",
        parameters={"method.request.header.X-Team": True},
        models={"application/json": "Photo"},
    )
    assert method(body, "ANY").validator == "none"
    assert method(body, "ANY").models == {}


def test_openapi_3():
    body = read_body(OPENAPI_3)
    assert method(body, "GET").parameters == {"method.request.querystring.limit": False}
    assert method(body, "POST").models == {"application/json": "Photo"}
    assert method(body, "PUT").models == {"application/json": "PUT/photos"}
    assert body.models["PUT/photos"]["type"] == "array"


def test_model_contains_those_that_it_refers_to():
    assert read_body(OPENAPI_2).models["Photo"]["definitions"] == {"Photo": PHOTO, "Size": SIZE}

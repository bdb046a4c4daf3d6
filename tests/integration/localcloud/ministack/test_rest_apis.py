"""The REST API that ministack creates from an OpenAPI body of SAM."""

from tests.support.ministack_process import inside_ministack

IMPORTED = """
    import json
    from ministack.services import apigateway_v1
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import rest_apis

    rest_apis.install()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]
    integration = {"x-amazon-apigateway-integration": {"type": "mock"}}
    body = {
        "swagger": "2.0",
        "definitions": {"Order": {"type": "object", "required": ["item"]}},
        "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True}},
        "x-amazon-apigateway-gateway-responses": {"THROTTLED": {"statusCode": 429}},
        "paths": {
            "/{proxy+}": {"x-amazon-apigateway-any-method": integration},
            "/orders/": {"post": {
                **integration,
                "x-amazon-apigateway-request-validator": "body",
                "parameters": [
                    {"in": "body", "name": "Order", "schema": {"$ref": "#/definitions/Order"}}
                ],
            }},
        },
    }
    first = {"Body": body, "Name": "orders"}
    api, _ = handlers["create"]("Api", first, "stack")
    second = {**first, "Body": {**body, "info": {"version": "2"}}}
    handlers["update"](api, first, second, "stack", "Api")
    resources = apigateway_v1._resources[api].values()
    found = {each["path"]: each["resourceMethods"] for each in resources}
    post = found["/orders"]["POST"]
    request = {"path_params": {}}
    refused = apigateway_v1._check_request_validation(post, api, request, {}, b'{}', {})
    accepted = apigateway_v1._check_request_validation(post, api, request, {}, b'{"item": 1}', {})
    print(json.dumps({
        "proxy": list(found["/{proxy+}"]),
        "refused": refused.response_type,
        "accepted": accepted is None,
        "responses": list(apigateway_v1._gateway_responses[api]),
    }))
"""


def test_complete_body_is_imported_also_by_an_update():
    assert inside_ministack(IMPORTED) == {
        "proxy": ["ANY"],
        "refused": "BAD_REQUEST_BODY",
        "accepted": True,
        "responses": ["THROTTLED"],
    }


LIMITED = """
    import asyncio, json
    from ministack.services import apigateway_v1
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import rest_apis

    rest_apis.install()

    def create(kind, properties):
        handlers = provisioners._RESOURCE_HANDLERS[f"AWS::ApiGateway::{kind}"]
        return handlers["create"](kind, properties, "stack")[0]

    integration = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    operation = {"x-amazon-apigateway-integration": integration, "security": [{"api_key": []}]}
    body = {
        "swagger": "2.0",
        "securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        "paths": {"/orders": {"get": operation}},
    }
    api = create("RestApi", {"Body": body, "Name": "orders"})
    deployment = create("Deployment", {"RestApiId": api})
    create("Stage", {"RestApiId": api, "StageName": "prod", "DeploymentId": deployment})
    plan = create("UsagePlan", {
        "ApiStages": [{"ApiId": api, "Stage": "prod"}],
        "Throttle": {"RateLimit": 0.000001, "BurstLimit": 2},
    })
    key = create("ApiKey", {"Enabled": True, "Value": "a-key-of-twenty-chars"})
    create("UsagePlanKey", {"KeyId": key, "KeyType": "API_KEY", "UsagePlanId": plan})

    def status(headers):
        request = (api, "prod", "GET", "/orders", headers, b"", {})
        return asyncio.run(apigateway_v1.handle_execute(*request))[0]

    with_key = {"x-api-key": "a-key-of-twenty-chars"}
    print(json.dumps([status({}), *(status(with_key) for _ in range(3))]))
"""


def test_api_key_is_required_and_its_usage_plan_throttles():
    assert inside_ministack(LIMITED) == [403, 200, 200, 429]


SET_BACK = """
    import json, time
    from ministack.services import apigateway_v1
    from localcloud.ministack import rest_apis

    class Clock:
        now = 1_800_000_000.0
        def time(self):
            return self.now

    rest_apis.install()
    clock = apigateway_v1.time = rest_apis.time = Clock()
    limits = {"rateLimit": 1, "burstLimit": 2}
    taken = [apigateway_v1._take_token("slot", limits) for _ in range(3)]
    clock.now -= 7200
    taken += [apigateway_v1._take_token("slot", limits) for _ in range(3)]
    clock.now += 1
    taken.append(apigateway_v1._take_token("slot", limits))
    print(json.dumps(taken))
"""


def test_requests_are_answered_after_the_clock_was_set_back():
    assert inside_ministack(SET_BACK) == [True, True, False, True, True, False, True]


METHOD_LIMITS = """
    import asyncio, json
    from ministack.services import apigateway_v1
    from ministack.services.cloudformation import provisioners

    def create(kind, properties):
        handlers = provisioners._RESOURCE_HANDLERS[f"AWS::ApiGateway::{kind}"]
        return handlers["create"](kind, properties, "stack")[0]

    integration = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
    operation = {"get": {"x-amazon-apigateway-integration": integration}}
    paths = dict.fromkeys(("/plain", "/encoded", "/other"), operation)
    api = create("RestApi", {"Body": {"swagger": "2.0", "paths": paths}, "Name": "limited"})
    nothing = {"HttpMethod": "GET", "ThrottlingRateLimit": 0, "ThrottlingBurstLimit": 0}
    create("Stage", {
        "RestApiId": api,
        "StageName": "prod",
        "DeploymentId": create("Deployment", {"RestApiId": api}),
        "MethodSettings": [{"ResourcePath": path, **nothing} for path in ("/plain", "/~1encoded")],
    })

    def status(path):
        request = (api, "prod", "GET", path, {}, b"", {})
        return asyncio.run(apigateway_v1.handle_execute(*request))[0]

    print(json.dumps({path: status(path) for path in paths}))
"""


def test_limit_of_a_method_does_nothing_if_its_path_is_written_with_encoded_slashes():
    assert inside_ministack(METHOD_LIMITS) == {"/plain": 429, "/encoded": 200, "/other": 200}

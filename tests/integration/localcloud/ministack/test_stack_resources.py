"""Functions and HTTP APIs of a stack after ministack has created or updated them."""

from tests.support.ministack_process import inside_ministack

FUNCTION = """
    import json
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import functions

    functions.install()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    first = {
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/tested",
        "Code": {"ZipFile": "def handler(event, context): pass"},
        "Environment": {"Variables": {"FAST": True}},
        "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:failed"},
    }
    second = {name: value for name, value in first.items() if name != "DeadLetterConfig"}
    second["Environment"] = {"Variables": {"FAST": False}}

    def shown(name):
        config = lambda_svc._functions[name]["config"]
        return [config["Environment"]["Variables"]["FAST"], "DeadLetterConfig" in config]

    name, _ = handlers["create"]("Function", first, "stack")
    created = shown(name)
    name, _ = handlers["update"](name, first, second, "stack", "Function")
    print(json.dumps([created, shown(name)]))
"""

HTTP_API = """
    import json
    from ministack.services import apigateway
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import http_apis

    http_apis.install()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"]

    def properties(path):
        operation = {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": "arn"}}
        return {"Body": {"openapi": "3.0.1", "paths": {path: {"get": operation}}}}

    def routes(api):
        return [each["routeKey"] for each in apigateway._routes[api].values()]

    api, _ = handlers["create"]("Api", properties("/old"), "stack")
    created = routes(api)
    api, _ = handlers["update"](api, properties("/old"), properties("/new"), "stack", "Api")
    print(json.dumps([created, routes(api)]))
"""


def test_function_has_text_variables_and_its_dead_letter_queue():
    assert inside_ministack(FUNCTION) == [["true", True], ["false", False]]


def test_http_api_has_the_routes_of_its_body():
    assert inside_ministack(HTTP_API) == [["GET /old"], ["GET /new"]]

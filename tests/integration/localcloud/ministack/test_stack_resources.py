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
    second["LoggingConfig"] = {"LogFormat": "JSON"}

    def shown(name):
        config = lambda_svc._functions[name]["config"]
        logging = dict(config["LoggingConfig"], LogGroup=config["LoggingConfig"]["LogGroup"][:12])
        return [config["Environment"]["Variables"]["FAST"], "DeadLetterConfig" in config, logging]

    name, _ = handlers["create"]("Function", first, "stack")
    created = shown(name)
    name, _ = handlers["update"](name, first, second, "stack", "Function")
    print(json.dumps([created, shown(name)]))
"""

RESERVED = """
    import json
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import functions

    functions.install()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    without = {
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/tested",
        "Code": {"ZipFile": "def handler(event, context): pass"},
    }
    reserving = {**without, "ReservedConcurrentExecutions": "7"}

    def concurrency():
        return lambda_svc._functions[name]["concurrency"]

    name, _ = handlers["create"]("Function", reserving, "stack")
    found = [concurrency()]
    handlers["update"](name, reserving, without, "stack", "Function")
    found.append(concurrency())
    lambda_svc._put_function_concurrency(name, {"ReservedConcurrentExecutions": 3})
    handlers["update"](name, without, without, "stack", "Function")
    found.append(concurrency())
    print(json.dumps(found))
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


def test_function_has_the_reserved_concurrency_of_its_template_or_of_the_api():
    assert inside_ministack(RESERVED) == [7, None, 3]


def test_function_has_text_variables_its_dead_letter_queue_and_a_log_group():
    group = "/aws/lambda/"
    assert inside_ministack(FUNCTION) == [
        ["true", True, {"LogFormat": "Text", "LogGroup": group}],
        ["false", False, {"LogFormat": "JSON", "LogGroup": group}],
    ]


FUNCTION_URL = """
    import json
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import functions

    functions.install()

    def create(kind, logical_id, **properties):
        handlers = provisioners._RESOURCE_HANDLERS[f"AWS::Lambda::{kind}"]
        return handlers["create"](logical_id, properties, "stack")

    function = {
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/tested",
        "Code": {"ZipFile": "def handler(event, context): pass"},
    }
    name, _ = create("Function", "Function", **function)
    create("Version", "Version", FunctionName=name)
    alias, _ = create("Alias", "Alias", FunctionName=name, FunctionVersion="1", Name="live")
    _, url = create("Url", "Url", TargetFunctionArn=alias, AuthType="AWS_IAM")
    grant = {"FunctionName": alias, "Principal": "cloudfront.amazonaws.com"}
    create("Permission", "A", **grant, Action="lambda:InvokeFunctionUrl",
        FunctionUrlAuthType="AWS_IAM")
    create("Permission", "B", **grant, Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True)
    policy = json.loads(json.loads(lambda_svc._get_policy(name, {}, "live")[2])["Policy"])
    listed = json.loads(lambda_svc._list_function_url_configs(name, {})[2])["FunctionUrlConfigs"]
    print(json.dumps([
        alias.rpartition(":")[2],
        [url["FunctionArn"] == alias, url["FunctionUrl"][-29:]],
        [each["FunctionArn"] == alias for each in listed],
        [[each["Action"], each["Resource"] == alias, each["Condition"]]
            for each in policy["Statement"]],
    ]))
"""


def test_function_url_of_an_alias_has_its_arn_and_its_permissions():
    assert inside_ministack(FUNCTION_URL) == [
        "live",
        [True, ".lambda-url.us-east-1.on.aws/"],
        [True],
        [
            [
                "lambda:InvokeFunctionUrl",
                True,
                {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
            ],
            ["lambda:InvokeFunction", True, {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}],
        ],
    ]


FUNCTION_ERROR = """
    import asyncio, json
    from ministack.services import apigateway, lambda_svc
    from localcloud.ministack import http_apis

    http_apis.install()
    record = ({}, {"FunctionName": "f"}, "f")
    lambda_svc._get_func_record_for_ref_in_scope = lambda *_, **__: record
    lambda_svc._execution_record_for_config = lambda *_: {}
    results = iter([
        {"error": True, "body": {"errorMessage": "secret"}},
        {"body": {"statusCode": 502, "body": "the function's own"}},
        {"error": True, "body": {"errorMessage": "secret"}},
    ])
    lambda_svc._execute_function_with_config_scope = lambda *_: next(results)

    def request():
        invoked = apigateway._invoke_lambda_proxy({}, "api", "$default", "/", "GET", {}, b"", {})
        status, _, body = asyncio.run(invoked)
        return status, body.decode()

    def url_request():
        url = ("000000000000", "us-east-1", "f", None, {"AuthType": "NONE"})
        handled = lambda_svc.handle_function_url_request("u", "GET", "/", {}, b"", {}, resolved=url)
        status, _, body = asyncio.run(handled)
        return status, body.decode()

    of_rest_api = lambda_svc.lambda_execute_result_to_api_proxy_response({"error": True})
    print(json.dumps([request(), request(), url_request(), of_rest_api[0]["statusCode"]]))
"""


def test_caller_of_an_http_api_or_function_url_does_not_see_the_error_of_the_function():
    assert inside_ministack(FUNCTION_ERROR) == [
        [500, '{"message": "Internal Server Error"}'],
        [502, "the function's own"],
        [502, "Internal Server Error"],
        502,
    ]


ADDRESS = """
    import json
    from ministack import app
    from localcloud.ministack import http_apis

    http_apis.install()
    paths = ("/_aws/execute-api/a1", "/_aws/execute-api/a1/orders/7", "/_aws/other")
    print(json.dumps([app._parse_execute_api_url("127.0.0.1:4566", path) for path in paths]))
"""


def test_http_api_is_found_by_its_address_without_a_path():
    found = [["a1", "$default", "/"], ["a1", "orders", "/7"], None]
    assert inside_ministack(ADDRESS) == found


STATE_MACHINE = '''
    import json
    from ministack.services import s3, stepfunctions
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import state_machines

    state_machines.install()
    definition = """
    StartAt: Later
    States:
      Later: {Type: Wait, Timestamp: 2026-11-29T09:00:00Z, Next: Call}
      Call:
        Type: Task
        Resource: ${Function}
        End: true
    """
    s3._get_object_data = lambda *_, **__: definition.encode()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::StepFunctions::StateMachine"]

    def created(**properties):
        properties |= {
            "RoleArn": "arn:aws:iam::000000000000:role/tested",
            "DefinitionSubstitutions": {"Function": "arn:aws:lambda:us-east-1:0:function:f"},
        }
        arn, _ = handlers["create"]("Machine", properties, "stack")
        return json.loads(stepfunctions._state_machines[arn]["definition"])

    location = {"Bucket": "deployments", "Key": "steps.asl.yaml"}
    as_json = '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'
    print(json.dumps([
        created(DefinitionS3Location=location, StateMachineName="one"),
        created(DefinitionString=as_json, StateMachineName="two"),
    ]))
'''


def test_definition_of_a_state_machine_may_be_yaml():
    of_yaml, of_json = inside_ministack(STATE_MACHINE)
    assert of_yaml["States"] == {
        "Later": {"Type": "Wait", "Timestamp": "2026-11-29T09:00:00Z", "Next": "Call"},
        "Call": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:0:function:f", "End": True},
    }
    assert of_json["StartAt"] == "A"


SECRET = """
    import json
    from ministack.services import secretsmanager
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import secret_arns

    secret_arns.install()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    first = {"SecretString": "one"}
    arn, _ = handlers["create"]("Secret", first, "stack")
    again, _ = handlers["update"](arn, first, {"SecretString": "two"}, "stack", "Secret")
    value = secretsmanager.resolve_secret_string(arn)
    handlers["delete"](arn, first)
    print(json.dumps([arn, again == arn, value, list(secretsmanager._secrets)]))
"""


def test_reference_of_a_secret_is_its_arn():
    arn, is_kept, value, left = inside_ministack(SECRET)
    assert arn.startswith("arn:aws:secretsmanager:us-east-1:000000000000:secret:stack-Secret-")
    assert (is_kept, value, left) == (True, "two", [])


PARAMETER = """
    import json
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import parameter_names

    parameter_names.install()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::SSM::Parameter"]
    properties = {"Type": "String", "Value": "one"}
    name, attributes = handlers["create"]("Limit", properties, "stack")
    changed = {**properties, "Value": "two"}
    again, _ = handlers["update"](name, properties, changed, "stack", "Limit")
    given, _ = handlers["create"]("Other", {**properties, "Name": "/given"}, "stack")
    print(json.dumps([name, attributes["Arn"].split(":")[-1], again == name, given]))
"""


def test_parameter_without_a_name_gets_one_without_a_slash():
    name, resource, is_kept, given = inside_ministack(PARAMETER)
    assert name.startswith("CFN-Limit-")
    assert (resource, is_kept, given) == (f"parameter/{name}", True, "/given")


NAMED = """
    import asyncio, json
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import functions

    functions.install()
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    properties = {
        "FunctionName": "url-shortener",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/tested",
        "Code": {"ZipFile": "def handler(event, context): pass"},
    }
    handlers["create"]("Function", properties, "stack")

    def request(method, path, body=b""):
        path = f"/2015-03-31/functions/{path}"
        status, _, answer = asyncio.run(lambda_svc.handle_request(method, path, {}, body, {}))
        return status, json.loads(answer or b"{}")

    status, found = request("GET", "url-shortener/configuration")
    created, url = request("POST", "url-shortener/url", b'{"AuthType": "NONE"}')
    read, _ = request("GET", "url-shortener/url")
    missing, _ = request("GET", "url-other")
    print(json.dumps([status, found["FunctionName"], created, read, missing]))
"""


def test_function_may_have_a_name_that_begins_with_url():
    assert inside_ministack(NAMED) == [200, "url-shortener", 201, 200, 404]


def test_http_api_has_the_routes_of_its_body():
    assert inside_ministack(HTTP_API) == [["GET /old"], ["GET /new"]]

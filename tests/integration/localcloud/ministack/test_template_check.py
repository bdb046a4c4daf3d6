"""What is said of a template before it is deployed."""

from tests.support.ministack_process import inside_ministack

CHECKED = """
    import json
    from localcloud.ministack.template_check import check

    def checked(resources, parameters=None, transform="AWS::LanguageExtensions"):
        template = {
            "Transform": transform, "Parameters": parameters or {}, "Resources": resources
        }
        given = {"template": template, "parameters": {}, "python": "python3.13"}
        return check({**given, "stored": {"/orders/table": "orders", "size": "7"}})

    api = {"Type": "AWS::ApiGatewayV2::Api", "Properties": {"ProtocolType": "WEBSOCKET"}}
    deployment = {"Type": "AWS::ApiGatewayV2::Deployment", "Properties": {"ApiId": {"Ref": "A"}}}
    stage = {
        "Type": "AWS::ApiGatewayV2::Stage",
        "Properties": {"ApiId": {"Ref": "A"}, "DeploymentId": {"Ref": "D"}, "StageName": "prod"},
    }
    archive = {"${Name}Archive": {"Type": "AWS::Events::Archive", "Properties": {}}}
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {
            "TemplateURL": "https://here",
            "Parameters": {"Stage": {"Ref": "Stage"}, "Size": 3, "Arn": {"Fn::GetAtt": "A.Arn"}},
        },
    }
    stored = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/orders/table"}
    importing = {"Type": "AWS::SQS::Queue", "Properties": {
        "QueueName": {"Fn::ImportValue": {"Fn::Sub": "${Table}-queue"}},
        "KmsMasterKeyId": {"Fn::ImportValue": "key"},
    }}
    print(json.dumps([
        checked({"A": api, "D": deployment, "S": stage}),
        checked({"Fn::ForEach::Archives": ["Name", ["One", "Two"], archive]}),
        checked({"A": api}, {"Bus": {"Type": "String"}, "Stage": {"Default": "dev"}}),
        checked({"A": api, "Child": nested}, {"Stage": {"Type": "String", "Default": "dev"}}),
        checked({"Queue": importing}, {"Table": stored, "Other": dict(stored, Default="size")}),
        checked({"Queue": importing}, {"Table": dict(stored, Default="/none")}),
    ]))
"""


def test_template_is_checked_as_it_will_be_deployed():
    web_socket, loop, lacking, nesting, importing, not_stored = inside_ministack(CHECKED)
    assert web_socket["limitations"] == []
    left_out = ["AWS::Events::Archive", "left out", "localcloud does not know the type"]
    assert loop["limitations"] == [["OneArchive", *left_out], ["TwoArchive", *left_out]]
    assert lacking["error"] == "Bus has no default. Give --parameter Bus=VALUE."
    assert nesting["nested"] == {"Child": {"Stage": "dev", "Size": "3", "Arn": None}}
    assert importing["imports"] == ["orders-queue", "key"]
    message = "Parameter Store lacks /none. Give `up` --ssm-parameter /none=VALUE."
    assert not_stored["error"] == message


DEPLOYED = """
    import json
    from ministack.services import apigateway
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack import api_deployments

    api_deployments.install()
    handlers = provisioners._RESOURCE_HANDLERS
    properties = {"Name": "chat", "ProtocolType": "WEBSOCKET"}
    api, _ = handlers["AWS::ApiGatewayV2::Api"]["create"]("Api", properties, "stack")
    of_deployment, properties = handlers["AWS::ApiGatewayV2::Deployment"], {"ApiId": api}
    deployment, attributes = of_deployment["create"]("D", properties, "stack")
    made = list(apigateway._deployments[api])
    of_deployment["delete"](deployment, properties)
    left = list(apigateway._deployments[api])
    print(json.dumps([made == [deployment] == [attributes["DeploymentId"]], left]))
"""


def test_deployment_of_a_web_socket_api_is_made_and_deleted():
    assert inside_ministack(DEPLOYED) == [True, []]


KEYS = """
    import json
    from localcloud.ministack import deployments
    from ministack.services.cloudformation import engine

    deployments.install()
    template = '''
    Shared: &shared {404: absent}
    Resources:
      Api:
        Properties: {responses: {<<: *shared, 200: ok, on: !Sub [x, {1: one}]}}
    '''
    print(json.dumps([engine._parse_template(template)["Resources"]["Api"]["Properties"]]))
"""


def test_keys_that_yaml_reads_as_numbers_are_text_as_in_cloudformation():
    [properties] = inside_ministack(KEYS)
    assert properties["responses"] == {
        "404": "absent",
        "200": "ok",
        "on": {"Fn::Sub": ["x", {"1": "one"}]},
    }


WITHOUT_EFFECT = """
    import importlib.util
    import json
    from ministack.services.cloudformation import provisioners
    from localcloud.ministack.resource_types import _WITHOUT_EFFECT

    created = sorted(set(_WITHOUT_EFFECT) - set(provisioners._RESOURCE_HANDLERS))
    print(json.dumps([created, importlib.util.find_spec("docker") is None]))
"""


def test_types_without_effect_exist_and_ministack_has_no_client_of_docker():
    unknown, without_docker = inside_ministack(WITHOUT_EFFECT)
    assert unknown == []
    assert without_docker, "databases, caches and containers may run: see resource_types"

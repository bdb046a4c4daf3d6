"""Nested stacks, whose templates ministack does not transform."""

from tests.support.ministack_process import inside_ministack

NESTED = """
    import json
    from ministack.services.cloudformation import helpers, provisioners
    from localcloud.ministack import deployments

    deployments.install()
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}}}
    table = {"Type": "AWS::Serverless::SimpleTable"}
    template = {
        "Transform": ["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"],
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {
            "Fn::ForEach::Queues": ["Id", ["One", "Two"], {"${Id}Queue": {"Type": queue["Type"]}}],
            "Queue": queue,
            "Table": table,
            "Agent": {"Type": "AWS::Bedrock::Agent"},
        },
        "Outputs": {"Queue": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}}},
    }
    helpers._resolve_template = lambda _: (json.dumps(template), None)

    def create(changes):
        template.update(changes)
        handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
        properties = {"TemplateURL": "https://here", "Parameters": {"Name": "orders"}}
        return handlers["create"]("Child", properties, "parent")

    stack, attributes = create({})
    resources = provisioners._nested_stack_lookup_name(stack)
    from ministack.services.cloudformation import _stacks
    types = {name: each["ResourceType"] for name, each in _stacks[resources]["_resources"].items()}
    try:
        create({"Resources": {"Broken": {"Type": "AWS::Serverless::Function"}}})
    except Exception as error:
        refused = str(error)
    print(json.dumps([types, attributes["Outputs.Queue"], refused]))
"""


def test_template_of_a_nested_stack_is_transformed_like_that_of_its_parent():
    types, output, refused = inside_ministack(NESTED)
    assert types == {
        "OneQueue": "AWS::SQS::Queue",
        "TwoQueue": "AWS::SQS::Queue",
        "Queue": "AWS::SQS::Queue",
        "Table": "AWS::DynamoDB::Table",
    }
    assert output == "orders"
    assert "Broken" in refused


UPDATED = """
    import json
    from ministack.services.cloudformation import helpers, provisioners
    from localcloud.ministack import deployments

    deployments.install()
    queue = {"Type": "AWS::SQS::Queue"}
    template = {
        "Resources": {"Kept": queue, "Changed": queue},
        "Outputs": {"Kept": {"Value": {"Fn::GetAtt": ["Kept", "QueueName"]}}},
    }
    helpers._resolve_template = lambda _: (json.dumps(template), None)
    handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    properties = {"TemplateURL": "https://here"}
    stack, before = handlers["create"]("Child", properties, "parent")
    template["Resources"]["Changed"] = {**queue, "Properties": {"DelaySeconds": 5}}
    updated, after = handlers["update"](stack, properties, properties, "parent")
    print(json.dumps([updated == stack, before == after]))
"""


def test_resource_that_an_update_does_not_change_keeps_its_attributes():
    assert inside_ministack(UPDATED) == [True, True]

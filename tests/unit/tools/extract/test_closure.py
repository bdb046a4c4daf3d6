"""Which resources belong to a flow."""

from tools.extract.closure import DeclaredResource, closure, owner


def resources(*given: tuple[str, str, str, str]) -> dict[str, DeclaredResource]:
    return {
        name: DeclaredResource(name, kind, heading, frozenset(refers_to.split()))
        for name, kind, heading, refers_to in given
    }


GALLERY = resources(
    ("Counter", "AWS::Serverless::Function", "Views: all of it", "Stream Table Layer Stage"),
    ("Stream", "AWS::Kinesis::Stream", "Views: all of it", ""),
    ("Other", "AWS::Serverless::Function", "Report", "Table Layer"),
    ("Table", "AWS::DynamoDB::Table", "Tables", "AWS::StackName"),
    ("Layer", "AWS::Serverless::LayerVersion", "Layers", ""),
    ("TablePolicy", "AWS::IAM::Policy", "Tables", "Table"),
    ("BothPolicy", "AWS::IAM::Policy", "Views: all of it", "Table OtherMapping"),
    ("Unread", "AWS::CloudWatch::Alarm", "Views", "CounterMapping Topic"),
    ("Topic", "AWS::SNS::Topic", "Operations", ""),
    ("Logs", "AWS::Logs::QueryDefinition", "Queries", "Counter Other"),
)


def test_flow_is_what_its_resources_refer_to_with_policies_and_queries_about_them():
    assert closure(GALLERY, ["Views"], []) == {
        "Counter",
        "Stream",
        "Table",
        "Layer",
        "TablePolicy",
        "Unread",
        "Topic",
        "Logs",
    }


def test_what_is_named_as_left_out_and_needed_by_nothing_else_stays():
    assert closure(GALLERY, ["Report"], ["Table"]) == {"Other", "Layer", "Logs"}


def test_names_that_sam_generates_belong_to_their_resource():
    assert owner("CounterAliaslive", GALLERY) == "Counter"
    assert owner("OtherMapping", GALLERY) == "Other"
    assert owner("TableName", GALLERY) is None, "only SAM's resources generate others"
    assert owner("Stream", GALLERY) == "Stream"

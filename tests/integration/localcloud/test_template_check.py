"""The check of a template with all the files that it names."""

from pathlib import Path

import pytest

from localcloud.application import Application
from localcloud.cloud import Cloud, CloudError
from localcloud.template_check import Checked, check

CHILD = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, AllowedValues: [dev, prod]}
  Topic: {Type: String, AllowedPattern: "arn:.*"}
Conditions:
  IsProduction: !Equals [!Ref Stage, prod]
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.9, Handler: app.handler, CodeUri: .}
  Agent: {Type: AWS::Bedrock::Agent, Condition: IsProduction}
"""
PARENT = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Topic: {Type: AWS::SNS::Topic}
  Child:
    Type: AWS::Serverless::Application
    Properties: {Location: child.yaml, Parameters: {Stage: STAGE, Topic: !Ref Topic}}
"""


def checked(folder: Path, template: str, **files: str) -> Checked:
    (folder / "template.yaml").write_text(template)
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(content)
    application = Application(folder / "template.yaml", "checked-local")
    return check(application, Cloud("127.0.0.1", 9))


def test_nested_application_is_checked_with_its_parameters(tmp_path: Path):
    found = checked(tmp_path, PARENT.replace("STAGE", "dev"), child=CHILD)
    assert [(each.logical_id, each.outcome) for each in found.limitations] == [
        ("Child/Function", "changed")
    ]
    assert "AWS::Lambda::Function" in found.types
    found = checked(tmp_path, PARENT.replace("STAGE", "prod"), child=CHILD)
    assert [each.logical_id for each in found.limitations] == ["Child/Agent", "Child/Function"]


def test_error_of_a_nested_application_names_its_template(tmp_path: Path):
    with pytest.raises(CloudError, match=r"child\.yaml is not a valid template: .*Stage"):
        checked(tmp_path, PARENT.replace("STAGE", "test"), child=CHILD)


def test_application_whose_template_is_not_a_file_is_refused(tmp_path: Path):
    of_repository = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Login:
    Type: AWS::Serverless::Application
    Properties: {Location: {ApplicationId: arn, SemanticVersion: 1.0.0}}
"""
    of_bucket = """
Conditions:
  Never: !Equals [a, b]
Resources:
  Net:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: https://bucket.s3.amazonaws.com/net.yaml}
  Other:
    Type: AWS::CloudFormation::Stack
    Condition: Never
    Properties: {TemplateURL: https://bucket.s3.amazonaws.com/other.yaml}
"""
    for template, name in ((of_repository, "Login"), (of_bucket, "Net")):
        found = checked(tmp_path, template)
        with pytest.raises(CloudError, match=f"{name} .*not a file on this machine"):
            found.require_nothing_refused()
        assert len(found.limitations) == 1


def test_missing_folder_of_code_is_named_with_its_function(tmp_path: Path):
    function = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.13, Handler: app.handler, CodeUri: scr/}
"""
    with pytest.raises(CloudError, match=f"Function: CodeUri {tmp_path}/scr does not exist"):
        checked(tmp_path, function)

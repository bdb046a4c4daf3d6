"""The changes of a template for the build on this machine."""

from pathlib import Path

import pytest
from samcli.yamlhelper import yaml_parse

from localcloud.cloud import CloudError
from localcloud.templates import (
    PYTHON,
    files_of_template,
    for_this_machine,
    missing_files,
    read_template,
    write_for_build,
)

AS_HERE = f"""
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: {{Runtime: {PYTHON}, CodeUri: src, Handler: app.handler, Architectures: [x86_64]}}
"""
OTHERS = """
Parameters:
  Architecture: {Type: String, Default: arm64}
  PythonRuntime: {Type: String, Default: python3.9}
Globals:
  Function: {Runtime: !Ref PythonRuntime, CodeUri: src, Architectures: [!Ref Architecture]}
Resources:
  Inherits:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler}
  Node:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler, Runtime: nodejs22.x, Architectures: [arm64]}
  Bootstrap:
    Type: AWS::Serverless::Function
    Properties: {Handler: bootstrap, Runtime: provided.al2023, Architectures: [x86_64]}
  Layer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: python3.12, BuildArchitecture: arm64}
    Properties: {ContentUri: layer, CompatibleRuntimes: [python3.12]}
  Queue:
    Type: AWS::SQS::Queue
"""


def test_functions_are_built_for_this_python_and_this_machine():
    changed = for_this_machine(yaml_parse(OTHERS), {}, "x86_64")
    defaults, resources = changed["Globals"]["Function"], changed["Resources"]
    assert (defaults["Runtime"], defaults["Architectures"]) == (PYTHON, ["x86_64"])
    assert resources["Inherits"] == yaml_parse(OTHERS)["Resources"]["Inherits"]
    assert resources["Layer"]["Metadata"] == {
        "BuildMethod": PYTHON,
        "BuildArchitecture": "x86_64",
    }
    assert resources["Layer"]["Properties"]["CompatibleRuntimes"] == [PYTHON]
    assert resources["Bootstrap"] == yaml_parse(OTHERS)["Resources"]["Bootstrap"]
    assert resources["Queue"] == {"Type": "AWS::SQS::Queue"}


def test_functions_of_other_runtimes_are_not_built():
    node = for_this_machine(yaml_parse(OTHERS), {}, "x86_64")["Resources"]["Node"]
    assert node["Metadata"] == {"SkipBuild": True}


def test_parameter_takes_precedence_over_its_default():
    parameters = {"Architecture": "x86_64", "PythonRuntime": PYTHON}
    changed = for_this_machine(yaml_parse(OTHERS), parameters, "x86_64")
    assert changed["Globals"] == yaml_parse(OTHERS)["Globals"]


def test_template_without_anything_to_change_is_built_where_it_is(tmp_path: Path):
    source = tmp_path / "template.yaml"
    source.write_text(AS_HERE)
    target = tmp_path / "builds" / "template.yaml"
    assert write_for_build(source, target, {}, "x86_64") == source
    assert not target.exists()


def test_changed_template_names_the_same_files_from_its_new_folder(tmp_path: Path):
    source, target = tmp_path / "app" / "template.yaml", tmp_path / "builds" / "template.yaml"
    (tmp_path / "app").mkdir()
    source.write_text(OTHERS)
    assert write_for_build(source, target, {}, "x86_64") == target
    written = yaml_parse(target.read_text())
    assert written["Globals"]["Function"]["CodeUri"] == str(tmp_path / "app" / "src")
    layer = written["Resources"]["Layer"]["Properties"]["ContentUri"]
    assert (target.parent / layer).resolve() == tmp_path / "app" / "layer"
    inherits = written["Resources"]["Inherits"]
    assert dict(inherits) == dict(yaml_parse(OTHERS)["Resources"]["Inherits"])


def test_makefile_of_a_changed_template_is_found_from_its_new_folder(tmp_path: Path):
    source, target = tmp_path / "app" / "template.yaml", tmp_path / "builds" / "template.yaml"
    (tmp_path / "app").mkdir()
    source.write_text("""
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile, BuildArchitecture: arm64, ContextPath: build/layer}
    Properties: {ContentUri: layer}
  Function:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: makefile
      ContextPath: !Sub "build/${Architecture}"
      ProjectRootDirectory: ..
      WorkingDirectory: /elsewhere
    Properties: {CodeUri: src, Handler: app.handler, Runtime: python3.9}
""")
    write_for_build(source, target, {}, "x86_64")
    written = yaml_parse(target.read_text())["Resources"]
    assert written["Layer"]["Metadata"]["ContextPath"] == f"{tmp_path}/app/build/layer"
    assert written["Function"]["Metadata"] == {
        "BuildMethod": "makefile",
        "ContextPath": {"Fn::Sub": f"{tmp_path}/app/build/${{Architecture}}"},
        "ProjectRootDirectory": str(tmp_path),
        "WorkingDirectory": "/elsewhere",
    }


def test_nested_applications_are_changed_with_the_parameters_that_they_are_given(tmp_path: Path):
    source, target = tmp_path / "app" / "template.yaml", tmp_path / "builds" / "template.yaml"
    (tmp_path / "app" / "child").mkdir(parents=True)
    source.write_text("""
Parameters: {Machine: {Type: String, Default: x86_64}}
Resources:
  Child:
    Type: AWS::Serverless::Application
    Properties: {Location: child/template.yaml, Parameters: {Architecture: !Ref Machine}}
  AsHere:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: child/queue.yaml}
""")
    (tmp_path / "app" / "child" / "template.yaml").write_text(OTHERS)
    (tmp_path / "app" / "child" / "queue.yaml").write_text(
        "Resources: {Q: {Type: AWS::SQS::Queue}}"
    )
    assert write_for_build(source, target, {"Machine": "arm64"}, "x86_64") == target
    resources = yaml_parse(target.read_text())["Resources"]
    child = Path(resources["Child"]["Properties"]["Location"])
    assert yaml_parse(child.read_text())["Globals"]["Function"]["Architectures"] == ["x86_64"]
    queue = target.parent / resources["AsHere"]["Properties"]["TemplateURL"]
    assert queue.resolve() == tmp_path / "app" / "child" / "queue.yaml"


def test_missing_files_of_a_template_are_named(tmp_path: Path):
    (tmp_path / "src").mkdir()
    (tmp_path / "steps.json").write_text("{}")
    template = yaml_parse("""
Globals: {Function: {CodeUri: srcs/}}
Resources:
  Inherits: {Type: AWS::Serverless::Function}
  Inline: {Type: AWS::Serverless::Function, Properties: {InlineCode: "def handler(): pass"}}
  Image: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}}
  Present: {Type: AWS::Serverless::Function, Properties: {CodeUri: src}}
  Uploaded: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://bucket/code.zip}}
  Object: {Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: "x"}}}
  Layer: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/one}}
  Steps: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: steps.json}}
  Other: {Type: AWS::Serverless::StateMachine, Properties: {DefinitionUri: step.json}}
  Child: {Type: AWS::Serverless::Application, Properties: {Location: child/template.yaml}}
  Site: {Type: AWS::CloudFront::Distribution, Properties: {Location: anywhere}}
""")
    assert missing_files(template, tmp_path) == [
        f"Inherits: CodeUri {tmp_path}/srcs does not exist.",
        f"Layer: ContentUri {tmp_path}/layers/one does not exist.",
        f"Other: DefinitionUri {tmp_path}/step.json does not exist.",
        f"Child: Location {tmp_path}/child/template.yaml does not exist.",
    ]


def test_included_files_are_read_in_their_places(tmp_path: Path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "queue.yaml").write_text("QueueName: !Sub '${AWS::StackName}-q'\n")
    source = tmp_path / "template.yaml"
    source.write_text(
        "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties:\n"
        "      DelaySeconds: 1\n"
        "      Fn::Transform: {Name: AWS::Include, Parameters: {Location: parts/queue.yaml}}\n"
    )
    assert read_template(source, {})["Resources"]["Queue"]["Properties"] == {
        "DelaySeconds": 1,
        "QueueName": {"Fn::Sub": "${AWS::StackName}-q"},
    }


@pytest.mark.parametrize("text", ["Resources: [", "just text", "", "- a"])
def test_file_that_is_not_a_template_is_named(tmp_path: Path, text: str):
    source = tmp_path / "template.yaml"
    source.write_text(text)
    with pytest.raises(CloudError, match=r"template\.yaml cannot be read"):
        read_template(source, {})


def test_files_of_a_template_are_those_that_a_deployment_reads(tmp_path: Path):
    for name in ("roles/reader.yaml", "steps.asl.json", "common.yaml", "src/app.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Deep: {Fn::Transform: 0}" if name == "src/app.py" else "{}")
    (tmp_path / "roles" / "reader.yaml").write_text(
        "Fn::Transform: {Name: AWS::Include, Parameters: {Location: ../common.yaml}}"
    )
    template = tmp_path / "template.yaml"
    template.write_text("""
Resources:
  Reader:
    Type: AWS::IAM::Role
    Properties:
      Fn::Transform: {Name: AWS::Include, Parameters: {Location: roles/reader.yaml}}
  Steps:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: steps.asl.json}
  Function:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: app.handler}
  Elsewhere:
    Type: AWS::Serverless::Application
    Properties: {Location: https://example.com/template.yaml}
""")
    found = {each.resolve() for each in files_of_template(template)}
    assert found == {
        template,
        tmp_path / "roles" / "reader.yaml",
        tmp_path / "common.yaml",
        tmp_path / "steps.asl.json",
    }


LOOPED = """
Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
Parameters:
  Names: {Type: CommaDelimitedList, Default: "One,Two"}
Resources:
  Fn::ForEach::Functions:
    - Name
    - !Ref Names
    - ${Name}Function:
        Type: AWS::Serverless::Function
        Properties:
          Runtime: python3.9
          CodeUri: ./${Name}
          Environment: {Variables: {NAME: !Ref Name, TABLE: !Ref Table}}
  Table: {Type: AWS::DynamoDB::Table, Properties: null}
"""


def test_members_of_a_loop_are_resources_like_any_other(tmp_path: Path):
    source, target = tmp_path / "template.yaml", tmp_path / "builds" / "template.yaml"
    source.write_text(LOOPED)
    assert list(read_template(source, {})["Resources"]) == ["OneFunction", "TwoFunction", "Table"]
    write_for_build(source, target, {"Names": "Red"}, "x86_64")
    written = yaml_parse(target.read_text())["Resources"]
    assert list(written) == ["RedFunction", "Table"]
    properties = written["RedFunction"]["Properties"]
    assert properties["Runtime"] == PYTHON
    assert (target.parent / properties["CodeUri"]).resolve() == tmp_path / "Red"
    assert properties["Environment"] == {"Variables": {"NAME": "Red", "TABLE": {"Ref": "Table"}}}


def test_loop_over_a_parameter_without_a_value_is_explained(tmp_path: Path):
    source = tmp_path / "template.yaml"
    source.write_text(LOOPED.replace(', Default: "One,Two"', ""))
    with pytest.raises(CloudError, match=r"Fn::ForEach::Functions .*--parameter"):
        read_template(source, {})


def test_globals_may_be_empty():
    template = yaml_parse("Globals: {Function: null}\nResources: {Q: {Type: AWS::SQS::Queue}}")
    assert for_this_machine(template, {}, "x86_64") == template

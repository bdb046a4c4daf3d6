"""The hashes that are written into the built template, for a small template."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from samcli.yamlhelper import yaml_parse

from ops.release_hash import write_release_hashes
from ops.stacks import OperationError
from tools.translate import read_template, translate

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Parameters:
  Level: {Type: String, Default: INFO, AllowedValues: [INFO, DEBUG]}
Globals:
  Function:
    Runtime: python3.13
    AutoPublishAlias: live
    AutoPublishAliasAllProperties: true
Resources:
  Fn::Transform: {Name: AWS::Include, Parameters: {Location: ../role.yaml}}
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: {ContentUri: Layer, PublishLambdaVersion: true}
  OneFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: OneFunction
      Handler: one.handler
      Layers: [{Ref: Layer}]
      Role: {"Fn::GetAtt": [Role, Arn]}
      Environment: {Variables: {LEVEL: {Ref: Level}}}
  OtherFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: OtherFunction
      Handler: other.handler
      Role: {"Fn::GetAtt": [Role, Arn]}
      Environment: {Variables: {ONE: {Ref: OneFunction.Version}}}
  ThirdFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: ThirdFunction
      Handler: third.handler
      Role: arn:aws:iam::123456789012:role/third
"""
ROLE = """\
Role:
  Type: AWS::IAM::Role
  Properties: {Path: /, AssumeRolePolicyDocument: {}}
"""
ONE, OTHER, THIRD = "OneFunction", "OtherFunction", "ThirdFunction"


def build(parent: Path) -> Path:
    """The template in a build folder, its artifacts beside it and its included file above."""
    folder = parent / "first" / "build"
    for artifact in ("Layer", ONE, OTHER, THIRD):
        (folder / artifact / "package").mkdir(parents=True)
        (folder / artifact / "package" / "module.py").write_text(f"# {artifact}\n")
    (folder.parent / "role.yaml").write_text(ROLE)
    (folder / "template.yaml").write_text(TEMPLATE)
    return folder / "template.yaml"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return build(tmp_path)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The hashes of what `built` is before a test changes it."""
    return write(build(tmp_path_factory.mktemp("before")))


def write(built: Path, **parameters: str) -> dict[str, str]:
    return write_release_hashes(built, parameters, {}, "us-east-1", {})


def moved(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] != after[name]}


def test_built_template_gets_the_hashes_and_changes_in_nothing_else(built: Path):
    hashes = write(built)
    assert hashes.keys() == {ONE, OTHER, THIRD}
    written: dict[str, Any] = yaml_parse(built.read_text())
    for name, release_hash in hashes.items():
        properties = written["Resources"][name]["Properties"]
        assert properties.pop("AutoPublishCodeSha256") == release_hash
    assert written == yaml_parse(TEMPLATE)


def test_sam_names_the_versions_by_the_hashes(built: Path):
    hashes = write(built)
    resources = translate(read_template(built), {})["Resources"]
    versions = {name for name, each in resources.items() if each["Type"] == "AWS::Lambda::Version"}
    assert versions == {f"{name}Version{hash_[:10]}" for name, hash_ in hashes.items()}


def test_hashes_do_not_depend_on_folder_and_time(
    built: Path, before: dict[str, str], tmp_path: Path
):
    assert write(built) == before
    assert write(built) == before, "of a template that has them already"
    elsewhere = tmp_path / "another" / "folder"
    shutil.copytree(built.parents[1], elsewhere)
    for path in elsewhere.rglob("*"):
        os.utime(path, (1, 1))
    assert write(elsewhere / "build" / "template.yaml") == before


@pytest.mark.parametrize(
    ("artifact", "functions"),
    [
        (ONE, {ONE, OTHER}),  # the other one is given the version of this one
        (OTHER, {OTHER}),
        (THIRD, {THIRD}),
        ("Layer", {ONE, OTHER}),
    ],
)
@pytest.mark.parametrize("file", ["module.py", "added.py"])
def test_changed_artifact_publishes_the_functions_that_run_it(
    artifact: str, file: str, functions: set[str], built: Path, before: dict[str, str]
):
    (built.parent / artifact / "package" / file).write_text("changed = True\n")
    assert moved(before, write(built)) == functions


def test_changed_parameter_publishes_what_reads_it(built: Path, before: dict[str, str]):
    assert moved(before, write(built, Level="INFO")) == set(), "the default"
    assert moved(before, write(built, Level="DEBUG")) == {ONE, OTHER}


def test_deployed_value_counts_until_another_is_given_or_the_parameter_is_gone(
    built: Path, before: dict[str, str]
):
    deployed = {"Level": "DEBUG", "Gone": "long ago"}
    kept = write_release_hashes(built, {}, deployed, "us-east-1", {})
    assert kept == write(built, Level="DEBUG") != before
    assert write_release_hashes(built, {"Level": "INFO"}, deployed, "us-east-1", {}) == before


def test_function_whose_version_a_rollback_left_behind_gets_another_hash(
    built: Path, before: dict[str, str]
):
    fourth = write_release_hashes(built, {}, {}, "us-east-1", {THIRD: 4})
    assert moved(before, fourth) == {THIRD}
    assert fourth[THIRD] in built.read_text()
    fifth = write_release_hashes(built, {}, {}, "us-east-1", {THIRD: 5})
    assert moved(fourth, fifth) == {THIRD}, "also if that one is rolled back too"
    assert write(built) == before


def test_replaced_role_of_an_included_file_publishes_the_functions_with_it(
    built: Path, before: dict[str, str]
):
    role = built.parents[1] / "role.yaml"
    role.write_text(ROLE.replace("Document: {}", "Document: {Version: now}"))
    assert moved(before, write(built)) == set(), "the same role, changed"
    role.write_text(ROLE.replace("Path: /", "Path: /another/"))
    assert moved(before, write(built)) == {ONE, OTHER}


def test_value_that_the_template_does_not_allow_is_an_error(built: Path):
    with pytest.raises(OperationError, match="Level must be one of INFO, DEBUG, not 'LOUD'"):
        write(built, Level="LOUD")
    assert built.read_text() == TEMPLATE

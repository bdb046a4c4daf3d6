"""Each flow's template is the gallery's text without the rest."""

import functools
import re
from textwrap import dedent

import pytest
import yaml

from tests.support.repository import ROOT
from tools.extract.application import template_files
from tools.extract.flows import Flow, load_flows
from tools.extract.template import TEMPLATE, ExtractedTemplate, extract_template
from tools.extract.yaml_text import compose

FLOWS = load_flows()


def flow(**given: object) -> Flow:
    """A flow of a small template, without edits."""
    values = dict.fromkeys(Flow.__dataclass_fields__, "")
    collections = ("without", "outputs", "edits", "patterns")
    empty = dict.fromkeys(collections, ()) | {"conditions": {}, "renamed": {}}
    return Flow(**(values | empty | {"name": "views", "headings": ("Views",)} | given))  # type: ignore[arg-type]


SMALL = dedent("""\
    Metadata:
      Shared:
        Log: &log {Type: "AWS::Logs::LogGroup"}
        Bucket: &bucket {Versioning: !FindInMap [Stage, !Ref Stage, Versioning]}
    Parameters:
      Stage: {Type: String}
      Shards: {Type: Number}
      Page: {Type: String}
    Mappings:
      Stage:
        dev:
          Versioning: false
          Level: DEBUG
    Conditions:
      Edge: !Equals [!Ref Page, yes]
      Unused: !Equals [!Ref Stage, dev]
    Resources:
      # ── Views ───────

      Stream:
        Type: AWS::Kinesis::Stream
        DependsOn: Bucket
        Properties: {Count: !Ref Shards} # of shards

      Counter: # counts
        Type: AWS::Serverless::Function
        Properties:
          Role: !Sub "${Role.Arn}"
          Target: !If [Edge, !Ref Bucket, none]

      Role:
        Type: AWS::IAM::Role
        Properties: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: role.yaml}}}

      # ── Report ──────

      Bucket: {<<: *bucket, Type: AWS::S3::Bucket}

      ReportLog: *log
    Outputs:
      StreamName: {Value: !Ref Stream}
      BucketName: {Value: !Ref Bucket}
    """)
ROLE = "Level: {'Fn::FindInMap': [Stage, {Ref: Stage}, Level]}\n"


def test_small_template_keeps_what_the_flow_needs_and_its_text():
    small = flow(conditions={"Edge": False})
    files = extract_template({TEMPLATE: SMALL, "role.yaml": ROLE}, small).files
    assert files == {
        "role.yaml": ROLE,
        TEMPLATE: dedent("""\
            Parameters:
              Stage: {Type: String}
              Shards: {Type: Number}
            Mappings:
              Stage:
                dev:
                  Level: DEBUG
            Resources:
              # ── Views ───────

              Stream:
                Type: AWS::Kinesis::Stream
                Properties: {Count: !Ref Shards} # of shards

              Counter: # counts
                Type: AWS::Serverless::Function
                Properties:
                  Role: !Sub "${Role.Arn}"
                  Target: none

              Role:
                Type: AWS::IAM::Role
                Properties: {Fn::Transform: {Name: AWS::Include, Parameters: {Location: role.yaml}}}

            Outputs:
              StreamName: {Value: !Ref Stream}
            """),
    }


def test_what_a_flow_refers_to_comes_along_from_another_flow():
    files = extract_template({TEMPLATE: SMALL, "role.yaml": ROLE}, flow()).files
    assert "Bucket: {<<: *bucket, Type: AWS::S3::Bucket}" in files[TEMPLATE]
    assert "DependsOn: Bucket" in files[TEMPLATE]
    assert "ReportLog" not in files[TEMPLATE]
    assert "&log" not in files[TEMPLATE]


def test_resource_that_is_left_out_and_needed_is_named():
    with pytest.raises(ValueError, match=r"Counter.*needs a resource that is left out"):
        extract_template({TEMPLATE: SMALL, "role.yaml": ROLE}, flow(without=("Role",)))


def test_resource_that_does_not_exist_cannot_be_left_out():
    with pytest.raises(ValueError, match="there is no Nothing that views can omit"):
        extract_template({TEMPLATE: SMALL, "role.yaml": ROLE}, flow(without=("Nothing",)))


@functools.cache
def extracted(name: str) -> ExtractedTemplate:
    return extract_template(template_files(ROOT), FLOWS[name])


def lines(text: str) -> set[str]:
    return {line.strip().removeprefix("- ") for line in text.splitlines()}


@pytest.mark.parametrize("name", FLOWS)
def test_every_line_is_one_of_the_gallery_or_of_an_edit(name: str):
    written = lines("\n".join(template_files(ROOT).values()))
    written |= lines("\n".join(edit.new for edit in FLOWS[name].edits))
    written |= lines("\n".join(pattern.new for pattern in FLOWS[name].patterns))
    for path, text in extracted(name).files.items():
        added = {line for line in lines(text) - written if not re.match(r"# (──|--) ", line)}
        decided = {line for line in added if re.match(r"(Value|Condition|[A-Z_]+): ", line)}
        runbooks = {line for line in added if f"{line} Runbook:" in " ".join(written)}
        assert len(added - decided - runbooks) < 12, (path, added)


@pytest.mark.parametrize("name", FLOWS)
def test_template_of_a_flow_names_nothing_that_is_left_out(name: str):
    text = "\n".join(extracted(name).files.values())
    of_the_gallery = r"\bmake (?!CloudFormation)\w+|\bdocs/|\bops/|deploy-role|redrive|DESCRIPTION"
    assert not re.findall(of_the_gallery, text)


@pytest.mark.parametrize("name", FLOWS)
def test_no_line_is_too_long_and_no_two_lines_are_blank(name: str):
    original = {line.strip() for text in template_files(ROOT).values() for line in text.split("\n")}
    for text in extracted(name).files.values():
        assert "\n\n\n" not in text
        assert not text.startswith("\n")
        long = [line for line in text.splitlines() if len(line) > 100]
        assert not [line for line in long if line.strip() not in original]


def test_flows_are_those_that_the_documents_name():
    assert list(FLOWS) == ["thumbnails", "views", "replication", "report", "api", "edge"]


FUNCTIONS = {
    "thumbnails": {"ThumbnailerFunction"},
    "views": {"ViewCounterFunction"},
    "replication": {"CatalogReplicatorFunction"},
    "report": {"DailyReportFunction"},
    "api": {"GalleryApiFunction", "ReleaseCheckFunction"},
    "edge": {"EdgeHeadersFunction"},
}


@pytest.mark.parametrize("name", FLOWS)
def test_flow_has_its_functions_and_no_others(name: str):
    found = extracted(name).resources.values()
    kinds = {each.name for each in found if each.type == "AWS::Serverless::Function"}
    assert kinds == FUNCTIONS[name]


@pytest.mark.parametrize("name", FLOWS)
def test_every_included_file_and_every_anchor_is_used(name: str):
    files = extracted(name).files
    text = files[TEMPLATE]
    included = set(re.findall(r"Location: (\S+?)\}", text))
    assert included == files.keys() - {TEMPLATE}
    code = re.sub(r"#.*", "", text).replace("[", " ")
    assert set(re.findall(r": &([\w-]+)", text)) == set(re.findall(r" \*([\w-]+)", code))
    for path in included:
        assert yaml.safe_load(files[path])


def test_edge_is_without_the_api():
    distribution = extracted("edge").files["distribution.yaml"]
    root = compose(distribution)
    origins = root.find("Origins")
    behaviors = root.find("CacheBehaviors")
    assert origins
    assert behaviors
    assert len(origins.node.value) == 2
    assert len(behaviors.node.value) == 2
    assert "OriginSecret" not in "\n".join(extracted("edge").files.values())

"""A flow is removed completely, or nothing is removed."""

import msgspec
import pytest

from tools.remove_flow.removal import RemovalError, remove_flow
from tools.remove_flow.rules import FileRules, FlowRules

FILES = {
    "template.yaml": """\
Parameters:
  Schedule: {Type: String}
  Zone: {Type: String}
Resources:
  # ── API ──

  Api:
    Type: AWS::Serverless::Function
    Properties: {Description: !Ref Zone}

  # ── Report: once a day ──

  Report:
    Type: AWS::Serverless::Function
    Properties:
      Description: !Ref Schedule
      Role: !GetAtt ReportRole.Arn

  ReportRole:
    Type: AWS::IAM::Role
    Properties:
      Fn::Transform: {Name: AWS::Include, Parameters: {Location: permissions/report.yaml}}

Outputs:
  ApiName: {Value: !Ref Api}
  ReportName: {Value: !Ref Report}
""",
    "permissions/report.yaml": "Policies: []\n",
    "dashboard.yaml": """\
      {"widgets": [
          {"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "text": "Api"},
          {"type": "text", "x": 0, "y": 1, "width": 24, "height": 1, "text": "Report"}
        ]
      }
""",
    "docs/security.md": "| It. | `s3:*` | `Bucket` | `ReportRole` |\n",
    "tools/vetting/accepted_grants.toml": '[[accepted]]\nroles = ["ReportRole"]\n',
    "tools/vetting/suppressions.toml": '[[suppressed]]\nresources = ["Api", "Report"]\n',
    "functions/report/handler.py": "DAYS = 1\n",
    "README.md": "Api and Report, in their Zone.\n",
    "CHANGELOG.md": "Report added.\n",
}
RULES = FlowRules(
    headings=["Report"],
    delete=["functions/report/**"],
    words="Report",
    history=["CHANGELOG.md"],
    renamed={"Zone": "ApiZone"},
    afterwards=[],
    files={"README.md": FileRules(edits=[("Api and Report", "Api")])},
)


def test_flow_is_removed_with_all_that_only_it_needs():
    removal = remove_flow(FILES, RULES)
    assert removal.deleted == ["functions/report/handler.py", "permissions/report.yaml"]
    assert removal.written == {
        "template.yaml": """\
Parameters:
  ApiZone: {Type: String}
Resources:
  # ── API ──

  Api:
    Type: AWS::Serverless::Function
    Properties: {Description: !Ref ApiZone}

Outputs:
  ApiName: {Value: !Ref Api}
""",
        "dashboard.yaml": """\
      {"widgets": [
          {"type": "text", "x": 0, "y": 0, "width": 24, "height": 1, "text": "Api"}
        ]
      }
""",
        "docs/security.md": "| It. | `s3:*` | `Bucket` |  |\n",
        "tools/vetting/accepted_grants.toml": "",
        "tools/vetting/suppressions.toml": '[[suppressed]]\nresources = ["Api"]\n',
        "README.md": "Api, in their ApiZone.\n",
    }


def refused(**changes: object) -> str:
    rules = msgspec.structs.replace(RULES, **changes)
    with pytest.raises(RemovalError) as raised:
        remove_flow(FILES, rules)
    return str(raised.value)


def test_names_that_are_left_are_listed_with_their_places():
    assert refused(files={}).splitlines()[1:] == [
        "  README.md:1: Api and Report, in their ApiZone."
    ]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"delete": ["functions/views/**"]}, "`delete` names functions/views/**, which does not"),
        ({"files": {"LICENSE": FileRules()}}, "`files` names LICENSE, which does not exist"),
        ({"files": {"README.md": FileRules(lines=["no"])}}, "README.md has no line with 'no'"),
        ({"headings": ["Views"]}, "template.yaml: no resource is below Views"),
    ],
)
def test_rule_that_fits_nothing_is_named(changes: dict[str, object], fault: str):
    assert fault in refused(**changes)


def test_resource_that_another_flow_needs_is_not_removed():
    needed = FILES["template.yaml"].replace(
        "{Description: !Ref Zone}", "{Description: !Ref Report}"
    )
    with pytest.raises(RemovalError, match="needs a resource that is left out"):
        remove_flow({**FILES, "template.yaml": needed}, RULES)

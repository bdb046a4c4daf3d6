"""The files that template.yaml includes: AWS::Include parses them with a parser of its own.

AWS does not publish which parser that is. It rejects tags, so it has no short forms such as !Ref.
PyYAML before 5.1 and old versions of SnakeYAML end a plain scalar at a colon inside `{}` or `[]`,
so `{Ref: AWS::NoValue}` is an error there: https://github.com/yaml/pyyaml/pull/45.
"""

import re

import pytest
import yaml
from samcli.yamlhelper import yaml_dump, yaml_parse

from tests.support.repository import ROOT

# Quotas of a template, in bytes. An included file stays below the first by itself.
LARGEST_IN_A_REQUEST = 51_200
LARGEST_IN_A_BUCKET = 1_000_000
TEMPLATE = (ROOT / "template.yaml").read_text()
INCLUDED = re.findall(r"Name: AWS::Include,?\s+Parameters: \{Location: (\S+?)\}", TEMPLATE)


def faults(text: str) -> list[str]:
    """What some YAML parser rejects or reads differently, each with its line."""
    found = [
        f"line {number}: {line!r} is not ASCII"
        for number, line in enumerate(text.splitlines(), 1)
        if not line.isascii()
    ]
    depth = 0
    for token in yaml.scan(text):
        match token:
            case yaml.FlowMappingStartToken() | yaml.FlowSequenceStartToken():
                depth += 1
            case yaml.FlowMappingEndToken() | yaml.FlowSequenceEndToken():
                depth -= 1
            case yaml.TagToken() | yaml.AnchorToken() | yaml.AliasToken():
                found.append(f"line {token.start_mark.line + 1}: {type(token).__name__}")
            case yaml.ScalarToken(plain=True, value=value) if depth and ":" in value:
                found.append(f"line {token.start_mark.line + 1}: quote {value!r}")
    return found


def test_each_file_is_included_once_and_none_is_left_out():
    kept = {"operations.yaml", "dashboard.yaml", "distribution.yaml"}
    kept |= {f"permissions/{path.name}" for path in (ROOT / "permissions").iterdir()}
    assert sorted(INCLUDED) == sorted(kept)
    assert TEMPLATE.count("AWS::Include") == len(INCLUDED)


@pytest.mark.parametrize("name", INCLUDED)
def test_every_yaml_parser_reads_the_file_alike(name: str):
    path = ROOT / name
    assert faults(path.read_text()) == []
    assert path.stat().st_size < LARGEST_IN_A_REQUEST


def test_template_as_sam_writes_it_may_be_uploaded_to_a_bucket():
    written = yaml_dump(yaml_parse(TEMPLATE)).encode()
    assert len(written) < LARGEST_IN_A_BUCKET


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Resource: {Ref: AWS::NoValue}", "line 1: quote 'AWS::NoValue'"),
        ("Resource: {Fn::Sub: '${A}/*'}", "line 1: quote 'Fn::Sub'"),
        ("Action:\n  [s3:GetObject]", "line 2: quote 's3:GetObject'"),
        ("Resource: !Ref Table", "line 1: TagToken"),
        ("One: &one {}\nTwo: *one", "line 1: AnchorToken"),
        ("# ─", "line 1: '# ─' is not ASCII"),
    ],
)
def test_a_fault_is_found(text: str, fault: str):
    assert faults(text)[0] == fault


@pytest.mark.parametrize(
    "text",
    [
        'Resource: {Ref: "AWS::NoValue"}',
        "Fn::Sub: a",
        "Action: s3:GetObject",
        "A: [{'a:b': 'c:d'}]",
    ],
)
def test_quoted_and_block_style_are_accepted(text: str):
    assert faults(text) == []

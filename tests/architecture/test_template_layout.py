"""template.yaml and its included files can be read from top to bottom."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.support.repository import ROOT

TEMPLATE: Final = (ROOT / "template.yaml").read_text()
FILES: Final = [
    ROOT / "template.yaml",
    ROOT / "operations.yaml",
    ROOT / "dashboard.yaml",
    ROOT / "distribution.yaml",
    ROOT / ".github/deploy-role.yaml",
    ROOT / "functions/daily_report/steps.asl.json",
    *sorted((ROOT / "permissions").iterdir()),
]
COLUMNS: Final = 100
SECTIONS: Final = [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Globals",
    "Resources",
    "Outputs",
]
# Of template.yaml and operations.yaml, whose comments are the headings of the flows.
BANNER: Final = re.compile(r"^ *# (?:──|--) (.+?) [─-]+$", re.MULTILINE)
RESOURCES: Final = TEMPLATE.partition("\nResources:\n")[2].partition("\nOutputs:\n")[0]
OPERATIONS: Final = (ROOT / "operations.yaml").read_text()
FLOWS: Final = {
    "Thumbnailer": "Thumbnails",
    "ViewCounter": "Views",
    "CatalogReplicator": "Replication",
    "GalleryApi": "API",
    "ReleaseCheck": "Releases",
    "EdgeHeaders": "Web page",
    "DailyReport": "Daily report",
}


def sections(text: str) -> dict[str, str]:
    """The text below each heading."""
    parts = BANNER.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def flow_of(heading: str) -> str:
    return heading.partition(":")[0]


def flows_of_resources() -> dict[str, str]:
    """The flow of each resource of template.yaml, by the heading above it."""
    return {
        name: flow_of(heading)
        for heading, section in sections(RESOURCES).items()
        for name in re.findall(r"^  (\w+):", section, re.MULTILINE)
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_line_is_too_long(path: Path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip().removeprefix("- ")
        value = re.sub(r"^[\w\".:-]+: ", "", text)  # an ARN or a pattern cannot be broken
        is_one_word = " " not in re.sub(r"^(!Sub |\"Fn::Sub\": )", "", value)
        assert len(line) <= COLUMNS or is_one_word, (
            f"{path.name}:{number} has {len(line)} columns: break it at {COLUMNS}, one property a"
            " line."
        )


def test_sections_are_in_their_order():
    assert re.findall(r"^(\w+):", TEMPLATE, re.MULTILINE) == SECTIONS


def test_anchors_are_defined_in_metadata_only():
    metadata, _, rest = TEMPLATE.partition("\nParameters:\n")
    anchors = re.compile(r"[:-] &([\w-]+)")
    assert not anchors.findall(rest), "move these anchors to Shared in Metadata"
    unused = [name for name in anchors.findall(metadata) if f"*{name}" not in rest]
    used_by_others = [name for name in unused if f"*{name}" in metadata]
    assert unused == used_by_others, "remove the anchors that nothing refers to"


def test_every_resource_is_below_a_heading():
    assert not re.findall(r"^  (?!Fn::)(\w+):", BANNER.split(RESOURCES)[0], re.MULTILINE), (
        "move these resources of template.yaml below the heading of their flow"
    )
    assert not re.findall(r"^(\w+):", BANNER.split(OPERATIONS)[0], re.MULTILINE), (
        "move these resources of operations.yaml below the heading of their flow"
    )


@pytest.mark.parametrize("function", FLOWS)
def test_what_belongs_to_a_function_is_in_its_flow(function: str):
    flows = flows_of_resources()
    misplaced = {
        name: flow
        for name, flow in flows.items()
        if re.fullmatch(rf"{function}(Function|Role|LogGroup|.*Policy)", name)
        and flow != FLOWS[function]
    }
    assert f"{function}Function" in flows
    assert not misplaced, f"template.yaml: move these below the heading {FLOWS[function]}"


def test_every_bucket_and_queue_policy_is_beside_what_it_protects():
    flows = flows_of_resources()
    protected = [name for name in flows if f"{name}Policy" in flows]
    assert protected
    apart = [name for name in protected if flows[name] != flows[f"{name}Policy"]]
    assert not apart, "template.yaml: move the policies of these below the same heading"


def test_alarms_are_below_the_heading_of_the_flow_that_they_watch():
    flows = flows_of_resources()
    for heading, section in sections(OPERATIONS).items():
        for name, resource in yaml.safe_load(section).items():
            if resource["Type"] != "AWS::CloudWatch::Alarm" or heading.startswith("Releases"):
                continue  # the alarms of a release watch the API
            watched = {flows[word] for word in re.findall(r"\w+", str(resource)) if word in flows}
            watched.discard("Operations")
            assert watched <= {flow_of(heading)}, (
                f"operations.yaml: {name} is below {heading} and watches {watched}; move it to the"
                " heading of that flow."
            )


def test_alarms_are_in_the_order_of_the_flows():
    order = [flow_of(heading) for heading in sections(RESOURCES)]
    flows = [flow_of(heading) for heading in sections(OPERATIONS) if flow_of(heading) in order]
    missing = set(FLOWS.values()) - set(flows)
    assert not missing, "operations.yaml: add the headings of these flows"
    assert flows == sorted(flows, key=order.index), (
        "operations.yaml: bring the headings into the order of those in template.yaml"
    )

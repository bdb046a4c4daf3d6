"""template.yaml and its included files can be read from top to bottom."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.support.repository import ROOT

TEMPLATE: Final = (ROOT / "template.yaml").read_text()
FILES: Final = [
    ROOT / "template.yaml",
    ROOT / "operations.yaml",
    ROOT / "dashboard.yaml",
    ROOT / "distribution.yaml",
    ROOT / ".github/deploy-role.yaml",
    *sorted((ROOT / "permissions").iterdir()),
]
COLUMNS: Final = 100
SECTIONS: Final = [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Conditions",
    "Globals",
    "Resources",
    "Outputs",
]
# Of template.yaml and operations.yaml, whose comments are the headings of the flows.
BANNER: Final = re.compile(r"^ *# (?:──|--) (.+?) [─-]+$", re.MULTILINE)


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


def test_every_resource_is_below_the_heading_of_its_flow():
    resources = TEMPLATE.partition("\nResources:\n")[2].partition("\nOutputs:\n")[0]
    headings = BANNER.findall(resources)
    for flow in ("Thumbnails", "Views", "Replication", "API", "Web page", "Daily report"):
        assert [each for each in headings if each.startswith(f"{flow}:")], f"no heading of {flow}"
    for function, flow in (
        ("Thumbnailer", "Thumbnails"),
        ("ViewCounter", "Views"),
        ("CatalogReplicator", "Replication"),
        ("GalleryApi", "API"),
        ("ReleaseCheck", "Releases"),
        ("EdgeHeaders", "Web page"),
        ("DailyReport", "Daily report"),
    ):
        [heading] = [each for each in headings if each.startswith(f"{flow}:")]
        section = BANNER.split(resources)[BANNER.split(resources).index(heading) + 1]
        for suffix in ("Function", "Role"):
            assert f"\n  {function}{suffix}:\n" in section, f"{function}{suffix}: move to {flow}"

"""The pinned requirements of an application are those of this repository, and complete."""

import re

from tests.support.repository import ROOT
from tools.extract.requirements import direct_requirements, pinned_requirements

LOCKED = (ROOT / "requirements/dev.txt").read_text()


def names(text: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))


def test_lines_are_found_by_the_name_that_python_imports():
    lines = ["moto[s3]  # AWS", "aws-sam-cli", "pytest", "ruff", "# samcli", "-r other.in"]
    found = direct_requirements(lines, ["samcli", "moto", "json"])
    assert found == ["aws-sam-cli", "moto[s3]  # AWS"]


def test_vips_comes_with_its_library():
    lines = (ROOT / "requirements/dev.in").read_text().splitlines()
    found = pinned_requirements(LOCKED, direct_requirements(lines, ["pyvips"]))
    assert {"pyvips", "pyvips-binary"} <= names(found)


def test_what_a_package_needs_comes_along_with_its_hashes():
    found = pinned_requirements(LOCKED, ["boto3"])
    assert {"boto3", "botocore", "s3transfer", "jmespath", "urllib3"} <= names(found)
    assert "moto" not in names(found)
    for entry in re.split(r"^(?=\w)", found, flags=re.MULTILINE)[1:]:
        assert entry in LOCKED
        assert "--hash=sha256:" in entry


def test_extras_bring_their_own_packages():
    without = names(pinned_requirements(LOCKED, ["moto"]))
    assert "py-partiql-parser" in names(pinned_requirements(LOCKED, ["moto[s3]"])) - without

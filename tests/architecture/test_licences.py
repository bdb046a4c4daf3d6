"""The licences of what is deployed are known, allowed, and those that the packages declare."""

import re
import tomllib
from importlib.metadata import metadata
from typing import Any, Final

import pytest

from tests.support.repository import ROOT

LICENCES: Final[dict[str, Any]] = tomllib.loads((ROOT / "tools" / "licences.toml").read_text())
PIN: Final = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
PACKAGES: Final[dict[str, dict[str, str]]] = LICENCES["packages"]


def deployed() -> dict[str, str]:
    """The packages of all layers with their versions."""
    texts = [path.read_text() for path in (ROOT / "layers").glob("*/requirements.txt")]
    assert len(texts) == 2
    return dict(pin for text in texts for pin in PIN.findall(text))


def test_every_deployed_package_has_a_licence_and_no_other_is_listed():
    assert set(PACKAGES) == set(deployed())


@pytest.mark.parametrize("name", PACKAGES)
def test_package_declares_the_licence_that_is_listed(name: str):
    """The development environment has the same versions as the layers."""
    own = metadata(name)
    assert own["Version"] == deployed()[name]
    assert PACKAGES[name]["declared"] == own.get("License-Expression", own.get("License"))


@pytest.mark.parametrize(
    "expression",
    sorted({*(each["licence"] for each in PACKAGES.values()), *LICENCES["libraries"].values()}),
)
def test_every_licence_is_allowed(expression: str):
    assert set(re.split(r" AND | OR ", expression)) <= set(LICENCES["allowed"])


def test_copyleft_is_limited_to_shared_libraries():
    assert not [name for name in LICENCES["allowed"] if name.startswith(("GPL", "AGPL"))]
    assert not [name for name, each in PACKAGES.items() if "GPL" in each["licence"]]

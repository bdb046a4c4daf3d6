"""The previous release: what its deployment needs, unpacked from tests/data/releases/."""

import tarfile
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.repository import ROOT
from tools.translate import read_template

_ARCHIVES: Final = ROOT / "tests" / "data" / "releases"


def archive() -> Path:
    """The one archive; its name is the version. Without one, the test is skipped and says so.

    Raises:
        ValueError: there are several.
    """
    found = sorted(_ARCHIVES.glob("*.tar.gz"))
    if not found:
        pytest.skip(f"{_ARCHIVES} has no archive, so there is no release to upgrade from")
    if len(found) > 1:
        raise ValueError(
            f"{_ARCHIVES} has {len(found)} archives: keep that of the previous release only."
            ' CONTRIBUTING.md, "Make a release", says how it is made.'
        )
    return found[0]


def version() -> str:
    return archive().name.removesuffix(".tar.gz")


def unpack(folder: Path) -> Path:
    """Write its files below `folder`; returns the template."""
    with tarfile.open(archive()) as files:
        files.extractall(folder, filter="data")
    return folder / "template.yaml"


def load_template(folder: Path) -> dict[str, Any]:
    """Its template with the included files inserted."""
    return read_template(unpack(folder))

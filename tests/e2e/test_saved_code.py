"""Saved code of the gallery runs at the next request, under the alias, without a deployment."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from demo import application
from localcloud.application import Application
from localcloud.cloud import Cloud
from localcloud.code_sync import CodeSync
from tests.e2e.conftest import Build
from tests.support.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric needs Linux")
HEALTH = Path("functions/gallery_api/routes/health.py")
HEADERS = Path("layers/shared/security_headers.py")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the gallery is built from, to be edited."""
    for name in ("template.yaml", "distribution.yaml", "operations.yaml", "dashboard.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("functions", "layers", "permissions"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def test_file_of_a_function_and_of_a_layer_run_when_they_are_saved(
    cloud: Cloud, stack: Mapping[str, str], built: Build, url: str, project: Path
):
    assert stack
    parameters = application.gallery(cloud).parameters
    edited = Application(
        project / "template.yaml", application.STACK, parameters, built.folder.parent
    )
    sync = CodeSync(edited, cloud)

    def saved(file: Path, old: str, new: str) -> list[str]:
        text = (project / file).read_text()
        assert old in text
        (project / file).write_text(text.replace(old, new))
        return sync.sync([project / file]).running[project / file]

    def health() -> httpx.Response:
        return httpx.get(f"{url}/api/health", timeout=60)

    try:
        assert saved(HEALTH, '"ok"', '"saved"') == ["GalleryApiFunction"]
        assert health().json()["status"] == "saved"
        assert saved(HEADERS, "nosniff", "sniff") == ["SharedLayer"]
        assert health().headers["X-Content-Type-Options"] == "sniff"
    finally:
        for file in (HEALTH, HEADERS):
            shutil.copy(ROOT / file, project / file)
        sync.sync([])
    assert health().json()["status"] == "ok"
    requirements = project / "layers" / "shared" / "requirements.txt"
    assert sync.sync([requirements]).build_needed == [requirements]

"""Which saved files run, which are refused, and which need a build."""

import sys
from pathlib import Path

import httpx
import pytest

from localcloud import code_sync
from localcloud.application import Application
from localcloud.artifacts import Artifact
from localcloud.cloud import Cloud, CloudError
from localcloud.code_sync import CodeSync
from localcloud.execution.saved_code import FOLDER, SavedCode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="saved code runs on Linux only")


class Project:
    """A function and a layer, built, and deployed as `function-1` and `layer-1`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source, self.built = folder / "src", folder / "built"
        for each in (self.source, self.built):
            each.mkdir()
            (each / "app.py").write_text("1")
            (each / "requirements.txt").write_text("")
        (self.source / "notes.md").touch()
        (folder / "template.yaml").touch()
        self.deployed_as = {"Function": {"function-1"}}
        self.requests: list[str] = []
        self.is_available = True
        artifact = Artifact("Function", self.source, self.built)
        monkeypatch.setattr(code_sync, "artifacts", lambda _: [artifact])
        monkeypatch.setattr(code_sync, "deployed_as", lambda _: self.deployed_as)
        monkeypatch.setattr(httpx, "post", self._post)
        monkeypatch.setattr(Cloud, "folder", folder)
        (folder / "tmp").mkdir()
        self._saved = SavedCode(folder / "tmp" / FOLDER)
        application = Application(folder / "template.yaml", "app-local", builds=folder)
        self.sync = CodeSync(application, Cloud("127.0.0.1", 4566))

    def save(self, text: str, name: str = "app.py") -> code_sync.Synced:
        (self.source / name).write_text(text)
        return self.sync.sync([self.source / name])

    def running(self) -> dict[str, dict[str, str | None]]:
        """The content of the files that run in place of deployed ones."""
        return {
            archive: {path: file and file.read_text() for path, file in files.items()}
            for archive, files in self._saved.read().items()
        }

    def _post(self, url: str, **_: object) -> httpx.Response:
        self.requests.append(url)
        status = 200 if self.is_available else 500
        return httpx.Response(status, json=[], request=httpx.Request("POST", url))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def test_saved_file_runs_until_it_is_as_it_was_built(project: Project):
    synced = project.save("2")
    assert synced.running == {project.source / "app.py": ["Function"]}
    assert project.running() == {"function-1": {"app.py": "2"}}
    assert project.requests == ["http://127.0.0.1:4566/_localcloud/saved-code"]
    project.save("1")
    assert project.running() == {}


def test_file_with_a_syntax_error_is_refused_and_the_one_before_runs(project: Project):
    project.save("2")
    synced = project.save("def f(:")
    assert synced.errors == {project.source / "app.py": "line 1: invalid syntax"}
    assert (synced.running, synced.build_needed) == ({}, [])
    assert project.running() == {"function-1": {"app.py": "2"}}
    assert project.save("x = '\0'").errors.keys() == {project.source / "app.py"}
    assert project.save("3").errors == {}
    assert project.running() == {"function-1": {"app.py": "3"}}


def test_file_that_is_not_only_copied_needs_a_build(project: Project):
    assert project.save("httpx", "requirements.txt").build_needed == [
        project.source / "requirements.txt"
    ]
    assert project.save("new", "page.html").build_needed == [project.source / "page.html"]
    assert project.running() == {}


def test_deployment_ends_saved_code(project: Project):
    project.save("2")
    (project.built / "app.py").write_text("2")
    project.deployed_as = {"Function": {"function-2"}}
    project.sync.read_deployed()
    assert project.running() == {}
    project.save("3")
    assert project.running() == {"function-2": {"app.py": "3"}}


def test_saved_code_continues_to_run_if_a_build_was_not_deployed(project: Project):
    project.save("2")
    (project.built / "app.py").write_text("2")
    project.sync.read_deployed()
    assert project.running() == {"function-1": {"app.py": "2"}}
    project.save("1")
    assert project.running() == {"function-1": {"app.py": "1"}}


def test_refusal_by_the_laptop_cloud_is_reported_and_tried_again(project: Project):
    project.is_available = False
    with pytest.raises(CloudError, match="does not accept the saved files"):
        project.save("2")
    project.is_available = True
    project.sync.sync([])
    assert len(project.requests) == 2

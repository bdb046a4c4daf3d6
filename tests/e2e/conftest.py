"""One laptop cloud for all tests of a worker, with the stack that the real sam deploys.

Workers of pytest-xdist take one scope after the other: the tests of the page, those of the rest of
the gallery, and each file of tests/applications and of tests that start clouds of their own.
"""

import contextlib
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import msgspec
import pytest
from playwright.sync_api import Browser
from xdist.scheduler import LoadScopeScheduling

from demo import application
from demo.application import STACK
from demo.client import Gallery
from demo.sign_in import PASSWORD, USER, make_user, sign_in
from localcloud import cloudfront
from localcloud.cloud import STATE, Cloud, running
from localcloud.event_sources import poller
from localcloud.event_sources.poller import EventSources
from ops import publish_site
from tests.e2e.browser_page import launched_browser
from tests.support.gallery_photos import listed_photo
from tests.support.repository import ROOT
from tools.vetting.grants import granted_stack

OWN_ENVIRONMENT = dict(os.environ)
OTHER_CLOUDS = {
    "test_alarms.py",
    "test_decisions.py",
    "test_deploy_and_destroy.py",
    "test_event_sources.py",
    "test_executions.py",
    "test_laptop_cloud.py",
    "test_rollback.py",
    "test_upgrade.py",
}
"""Files whose tests start clouds of their own, or need one but not the gallery."""
FOLDERS = pytest.StashKey[set[Path]]()
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


class Build(NamedTuple):
    """What sam build made: each artifact's size, and a copy, since other clouds build there too."""

    megabytes: dict[str, float]
    folder: Path


RECORDED = STATE / "decisions"
"""Decisions on requests of roles, and the policies of the stack; tools/vetting/grants.py."""


def pytest_configure(config: pytest.Config) -> None:
    """Remove what an earlier session has recorded; in the process that starts workers, if any.

    Not pytest_sessionstart: pytest does not call it if it finds this file during the collection.
    """
    if not hasattr(config, "workerinput") and not config.option.collectonly:
        shutil.rmtree(RECORDED, ignore_errors=True)
    config.stash[FOLDERS] = set(STATE.glob("[0-9]*"))


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Only for test_journey.py: all other tests create what they test, in their own cloud."""
    pluginmanager.import_plugin("schemathesis.pytest.plugin")  # for test_api_contract.py
    parser.addoption("--stack", help="run the journey through this deployed stack")
    parser.addoption("--url", help="where its page is, if not where its outputs say")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test that would have another worker deploy the gallery, too."""
    for item in items:
        file, fixtures = file_of(item.nodeid), getattr(item, "fixturenames", ())
        if has_another_cloud(file) and "built" in fixtures:
            raise pytest.UsageError(f"{item.nodeid} needs the gallery: move it to another file.")


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def has_another_cloud(file: str) -> bool:
    folder, _, name = file.rpartition("/")
    return folder == "tests/applications" or (folder == "tests/e2e" and name in OTHER_CLOUDS)


class ByCloud(LoadScopeScheduling):
    """Two scopes for the gallery, so that two workers deploy it once each; others by file."""

    def _split_scope(self, nodeid: str) -> str:
        file = file_of(nodeid)
        if has_another_cloud(file) or not file.startswith("tests/e2e/"):
            return file
        return "page" if file.startswith("tests/e2e/test_browser") else "gallery"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByCloud:
    # Not --dist loadgroup: pytest-xdist 3.8 does not find the groups of pytest 9.
    config.option.loadscopereorder = False  # the files with the longest tests come first as it is
    return ByCloud(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Delete the files of clouds on chosen ports, unless a test has failed."""
    if session.testsfailed or hasattr(session.config, "workerinput"):
        return  # a worker leaves it to the process that started it
    for folder in set(STATE.glob("[0-9]*")) - session.config.stash[FOLDERS]:
        # Another session's cloud may still run there, and holds its lock.
        lock = filelock.FileLock(folder / "lock", blocking=False)
        with contextlib.suppress(filelock.Timeout), lock:
            shutil.rmtree(folder)


def free_port() -> int:
    """A port that is free, as is the next, the page's; below those that connections get."""
    while True:
        port = 20_000 + 6 * secrets.randbelow(2_000) + 2 * (WORKER % 3)
        with socket.socket() as one, socket.socket() as next_one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            next_one.bind(("127.0.0.1", port + 1))
            return port


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    # Not 127.0.0.1: `localhost` must not be assumed, since a person may choose HOST.
    cloud = Cloud("127.0.0.2", free_port())
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_ENVIRONMENT:
            patch.delenv(name)
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        # No function runs into a time limit because the machine is busy.
        settings = {"LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1", "TIMEOUT_FACTOR": "5"}
        RECORDED.mkdir(parents=True, exist_ok=True)
        settings["DECISIONS_FILE"] = str(RECORDED / f"{cloud.port}.jsonl")
        with running(cloud, settings):
            yield cloud


@pytest.fixture(scope="session")
def stack(cloud: Cloud, built: Build) -> dict[str, str]:  # noqa: ARG001 - what is deployed
    """The outputs of the deployed stack."""
    with application.gallery(cloud).building():
        outputs = application.deploy(cloud, print)
    deployed = granted_stack(cloud.client("cloudformation"), cloud.client("iam"), STACK)
    (RECORDED / f"{cloud.port}.stack.json").write_bytes(msgspec.json.encode(deployed))
    return outputs


@pytest.fixture(scope="session")
def built(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """What sam build makes of the tree as it is."""
    project = tmp_path_factory.mktemp("built")
    for included in (*ROOT.glob("*.yaml"), ROOT / "permissions"):  # the template refers to them
        (project / included.name).symlink_to(included)
    folder = project / ".laptop" / "build"
    with application.gallery(cloud).building():
        megabytes = application.build(cloud, OWN_ENVIRONMENT, print)
        shutil.copytree(application.ARTIFACTS, folder, symlinks=True)
    return Build(megabytes, folder)


@pytest.fixture(scope="session")
def event_sources(cloud: Cloud, stack: dict[str, str]) -> Iterator[EventSources]:  # noqa: ARG001 - its mappings
    with poller.running(cloud) as event_sources:
        yield event_sources


@pytest.fixture(scope="session")
def id_token(cloud: Cloud, stack: dict[str, str]) -> str:
    """The ID token of the laptop's user."""
    make_user(cloud, stack)
    return sign_in(cloud, stack)["IdToken"]


@pytest.fixture(scope="session")
def cdn(cloud: Cloud, stack: dict[str, str]) -> Iterator[cloudfront.Served]:
    """The laptop's CloudFront, with the page published."""
    site = publish_site.Site(
        cloud.client("s3"),
        cloud.client("cloudfront"),
        stack,
        demo_user=USER,
        demo_password=PASSWORD,
    )
    publish_site.publish(site)
    # By its id: another test may have deployed a second distribution.
    with cloudfront.running(cloud, free_port(), stack["DistributionId"]) as served:
        yield served


@pytest.fixture(scope="session")
def url(cdn: cloudfront.Served) -> str:
    """The gallery's URL at the laptop's CloudFront."""
    return cdn.url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched_browser(required=bool(OWN_ENVIRONMENT.get("CI"))) as browser:
        yield browser


@pytest.fixture(scope="session")
def gallery(url: str, id_token: str) -> Iterator[Gallery]:
    with Gallery(url, id_token) as gallery:
        yield gallery


@pytest.fixture(scope="module")
def photo_id(gallery: Gallery, event_sources: EventSources) -> str:
    """A photo that the page lists."""
    return listed_photo(gallery, event_sources)

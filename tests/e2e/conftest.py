"""One laptop cloud for all of these tests, with the stack that the real sam deploys."""

import contextlib
import os
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Iterator

import filelock
import msgspec
import pytest

from demo import application
from demo.application import STACK
from demo.client import Gallery
from demo.sign_in import make_user, sign_in
from localcloud import cloudfront
from localcloud.cloud import STATE, Cloud, running
from localcloud.event_sources import poller
from localcloud.event_sources.poller import EventSources
from ops import publish_site
from tools.vetting.grants import deployed_stack

OWN_ENVIRONMENT = dict(os.environ)


RECORDED = STATE / "decisions"
"""Decisions on requests of roles, and the policies of the stack; tools/vetting/grants.py."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remove what an earlier session has recorded; in the process that starts workers, if any."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        shutil.rmtree(RECORDED, ignore_errors=True)


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """For test_journey.py alone: every other test makes what it tests, and needs its own cloud."""
    pluginmanager.import_plugin("schemathesis.pytest.plugin")  # for test_api_contract.py
    parser.addoption("--stack", help="run the journey through this deployed stack")
    parser.addoption("--url", help="where its page is, if not where its outputs say")


def free_port() -> int:
    """A port that is free, as is the next, the page's; below those that connections get."""
    while True:
        port = 20_000 + 2 * secrets.randbelow(6_000)
        with socket.socket() as one, socket.socket() as next_one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            next_one.bind(("127.0.0.1", port + 1))
            return port


def awaited[T](condition: Callable[[], T], seconds: float = 30) -> T:
    """The first truthy answer of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    pytest.fail(f"not within {seconds} s: {condition}")


@pytest.fixture(scope="session", autouse=True)
def ports_left_clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """What clouds on chosen ports have written goes, unless a failure is to be understood."""
    before = set(STATE.glob("[0-9]*"))
    yield
    if not request.session.testsfailed:
        for folder in set(STATE.glob("[0-9]*")) - before:
            # Another session's cloud may still run there, and holds its lock.
            lock = filelock.FileLock(folder / "lock", blocking=False)
            with contextlib.suppress(filelock.Timeout), lock:
                shutil.rmtree(folder)


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    cloud = Cloud("127.0.0.1", free_port())
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
def stack(cloud: Cloud, built: dict[str, float]) -> dict[str, str]:  # noqa: ARG001 - what is deployed
    """The outputs of the deployed stack."""
    outputs = application.deploy(cloud, print)
    deployed = deployed_stack(cloud.client("cloudformation"), cloud.client("iam"), STACK)
    (RECORDED / f"{cloud.port}.stack.json").write_bytes(msgspec.json.encode(deployed))
    return outputs


@pytest.fixture(scope="session")
def built(cloud: Cloud) -> dict[str, float]:
    """What sam build makes of the tree as it is: the artifacts' sizes in MB."""
    with application.gallery(cloud).building():
        return application.build(cloud, OWN_ENVIRONMENT, print)


@pytest.fixture(scope="session")
def event_sources(cloud: Cloud, stack: dict[str, str]) -> Iterator[EventSources]:  # noqa: ARG001 - its mappings
    with poller.running(cloud) as event_sources:
        yield event_sources


@pytest.fixture(scope="session")
def id_token(cloud: Cloud, stack: dict[str, str]) -> str:
    """Of the laptop's user."""
    make_user(cloud, stack)
    return sign_in(cloud, stack)["IdToken"]


@pytest.fixture(scope="session")
def cdn(cloud: Cloud, stack: dict[str, str]) -> Iterator[cloudfront.Served]:
    """The laptop's CloudFront, with the page published."""
    publish_site.publish(publish_site.Site(cloud.client("s3"), cloud.client("cloudfront"), stack))
    with cloudfront.running(cloud, free_port()) as served:
        yield served


@pytest.fixture(scope="session")
def url(cdn: cloudfront.Served) -> str:
    """The gallery's, by way of the laptop's CloudFront."""
    return cdn.url


@pytest.fixture(scope="session")
def gallery(url: str, id_token: str) -> Iterator[Gallery]:
    with Gallery(url, id_token) as gallery:
        yield gallery

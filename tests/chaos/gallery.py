"""The gallery on a laptop cloud of its own, whose parts can be killed one by one."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

import pytest

from demo import application
from demo.sign_in import make_user, sign_in
from localcloud import cloud as cloud_module
from localcloud.cloud import RUNTIME_PYTHON, Cloud, running
from localcloud.event_sources import poller
from localcloud.execution.time_limits import SETTING
from ops import publish_site
from tests.chaos import found
from tests.chaos.found import Found
from tests.chaos.invariants import violations
from tests.chaos.ledger import Ledger
from tests.chaos.load import CLIENTS, FACTOR, Client
from tests.chaos.machine import Clock
from tests.chaos.parts import Ministack, Part, running_parts
from tests.e2e.conftest import OWN_ENVIRONMENT
from tests.support.repository import ROOT

# No outcome depends on these limits: they only end a run that hangs.
SETTLE_SECONDS: Final = 180 * FACTOR
_COMMAND_SECONDS: Final = 120 * FACTOR
_POLL_SECONDS: Final = 0.5
_SETTINGS: Final = {"LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1", SETTING: str(FACTOR)}


@dataclass(frozen=True)
class Gallery:
    """A deployed gallery, and what its clients were told."""

    cloud: Cloud
    outputs: Mapping[str, str]
    url: str
    parts: Mapping[str, Part]
    ministack: Ministack
    ledger: Ledger = field(default_factory=Ledger)

    @contextlib.contextmanager
    def clients(self, seed: int) -> Iterator[list[Client]]:
        """Clients with random decisions of their own."""
        with contextlib.ExitStack() as cleanup:
            clients = []
            for number in range(CLIENTS):
                chance = Random(f"{seed} {number}")  # noqa: S311 - a seed repeats it
                client = Client(
                    self.cloud,
                    url=self.url,
                    sign_in=self.sign_in,
                    stream=self.outputs["ViewsStreamName"],
                    ledger=self.ledger,
                    chance=chance,
                )
                cleanup.callback(client.close)
                clients.append(client)
            yield clients

    def sign_in(self) -> str:
        """A new ID token."""
        return sign_in(self.cloud, self.outputs)["IdToken"]

    def settle(self) -> list[str]:
        """Wait until all events are processed, redrive failures, and return the violations."""
        self._await_uploads()
        self._drain()
        self.redrive_twice_at_once()
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            if found.failed_events(self.cloud, self.outputs):
                self.command("redrive", "--rate", "100", "--kind", "event")
            self._drain()
            wrong = violations(self.ledger, self.found())
            if not wrong or time.monotonic() > deadline:
                return wrong
            time.sleep(_POLL_SECONDS)

    def found(self) -> Found:
        """The present contents of tables, buckets, queues and streams."""
        return found.take(self.cloud, self.outputs)

    def redrive_twice_at_once(self) -> None:
        """Run two redrives at the same time; `settle` replays the rest."""
        two = [self._started("redrive", "--rate", "100") for _ in range(2)]
        for each in two:
            output, _ = each.communicate(timeout=_COMMAND_SECONDS)
            assert "Traceback" not in output, output

    def command(self, name: str, *options: str) -> str:
        """Run a command of the gallery; returns what it prints."""
        process = self._started(name, *options)
        output, _ = process.communicate(timeout=_COMMAND_SECONDS)
        assert "Traceback" not in output, output
        return output

    def _started(self, name: str, *options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "demo", "--port", str(self.cloud.port), name, *options]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**OWN_ENVIRONMENT, "COLUMNS": "200", "PYTHONPATH": "layers"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _await_uploads(self) -> None:
        """Wait until each upload was processed or its event is in the queue of failed events."""

        def is_settled() -> bool:
            photos = self.found().photos.values()
            pending = {each.photo_id for each in photos if each.status == "PENDING"}
            waiting = len(pending & self.ledger.uploaded)
            return waiting <= found.failed_events(self.cloud, self.outputs)

        awaited(is_settled)

    def _drain(self) -> None:
        """Run the stream engine here, from the checkpoints of the one that was killed last."""
        engine = self.parts["engine"]
        engine.stop()
        with poller.running(self.cloud) as sources:
            sources.await_drained(SETTLE_SECONDS)
        engine.start()


def awaited[T](condition: Callable[[], T]) -> T:
    """The first truthy answer of `condition`."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.05)
    pytest.fail(f"not within {SETTLE_SECONDS} s: {condition}")


@contextlib.contextmanager
def running_gallery(logs: Path, cloud: Cloud, clock: Clock | None = None) -> Iterator[Gallery]:
    """Build, deploy and run the gallery; the stream engine and CloudFront as own processes.

    The standard error of these two is in `logs`. All processes have the `clock`, if there is one.
    """
    variables = clock.variables if clock else {}
    with pytest.MonkeyPatch.context() as patch:
        for name in OWN_ENVIRONMENT:
            patch.delenv(name, raising=False)
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        if clock:
            patch.setattr(cloud_module, "RUNTIME_PYTHON", clock.interpreter(logs, RUNTIME_PYTHON))
        with running(cloud, {**_SETTINGS, **variables}):
            with application.gallery(cloud).building():
                application.build(cloud, OWN_ENVIRONMENT, print)
                outputs = application.deploy(cloud, print)
            publish_site.publish(
                publish_site.Site(cloud.client("s3"), cloud.client("cloudfront"), outputs)
            )
            _remove_schedules(cloud)
            make_user(cloud, outputs)
            with running_parts(cloud, logs, variables) as parts:
                url = f"http://127.0.0.1:{cloud.port + 1}"
                yield Gallery(cloud, outputs, url, parts, Ministack(cloud))


def _remove_schedules(cloud: Cloud) -> None:
    """Delete all schedules, so that none makes the daily report of a run at 3 o'clock."""
    scheduler = cloud.client("scheduler")
    for schedule in scheduler.list_schedules()["Schedules"]:
        scheduler.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])

"""A laptop cloud whose ministack ends while it is in use; a stand-in for ministack's process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from localcloud import cloud
from localcloud.cloud import Cloud, CloudError, running


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """The processes that were started as ministack's."""
    processes: list[Any] = []

    def start(*_: object) -> Any:
        stand_in = [sys.executable, "-c", "import time; time.sleep(600)"]
        processes.append(subprocess.Popen(stand_in, stdin=subprocess.PIPE))
        return processes[-1]

    monkeypatch.setattr(cloud, "STATE", tmp_path)
    monkeypatch.setattr(cloud, "_start", start)
    monkeypatch.setattr(cloud, "_await_ready", lambda *_: None)
    monkeypatch.setattr(cloud, "_await_free_port", lambda _: None)
    return processes


def kill_in(laptop: Cloud, started: list[Any]) -> None:
    with running(laptop):
        (laptop.folder / "ministack.log").write_text("one line\nthe last line\n")
        started[0].kill()
        raise EndpointConnectionError(endpoint_url=laptop.endpoint)


def fail_in(laptop: Cloud) -> None:
    with running(laptop):
        raise ZeroDivisionError


def test_error_after_the_end_of_ministack_says_that_it_has_ended(started: list[Any]):
    laptop = Cloud("127.0.0.1", 9)
    said = rf"(?s)ministack has ended \(exit status -9\).*last line.*{laptop.folder}"
    with pytest.raises(CloudError, match=said):
        kill_in(laptop, started)


def test_error_while_ministack_lives_is_raised_as_it_is(started: list[Any]):
    with pytest.raises(ZeroDivisionError):
        fail_in(Cloud("127.0.0.1", 9))
    assert len(started) == 1

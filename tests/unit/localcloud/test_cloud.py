"""A laptop cloud whose ministack ends while it is in use; a stand-in for ministack's process."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from localcloud import cloud, owners
from localcloud.cloud import Cloud, CloudError, NotRunningError, running


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


@pytest.mark.parametrize(
    ("program", "seconds", "sentence"),
    [
        (
            "print('no module')",
            120,
            "ended before it was ready (exit status 0). Its log is empty: ",
        ),
        ("import time; time.sleep(600)", 0, "did not answer on http://127.0.0.1:9 within 0 s. Its"),
    ],
)
def test_ministack_that_is_never_ready_says_whether_it_has_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, seconds: int, sentence: str
):
    def start(*_: object) -> Any:
        return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)

    monkeypatch.setattr(cloud, "STATE", tmp_path)
    monkeypatch.setattr(cloud, "_start", start)
    monkeypatch.setattr(cloud, "_await_free_port", lambda _: None)
    monkeypatch.setattr(cloud, "_START_SECONDS", seconds)
    with pytest.raises(CloudError, match=re.escape(sentence)), running(Cloud("127.0.0.1", 9)):
        pass


def test_cloud_of_another_process_is_found_at_its_own_address(started: list[Any]):
    with running(Cloud("127.0.0.2", 9)) as laptop:
        assert cloud.running_on(9) == laptop
    with pytest.raises(NotRunningError, match="No laptop cloud runs on port 9"):
        cloud.running_on(9)
    assert len(started) == 1


def test_cloud_of_a_killed_process_does_not_run(started: list[Any]):
    assert not started
    folder = Cloud("127.0.0.1", 9).folder
    folder.mkdir(parents=True)
    if (child := os.fork()) == 0:
        owners.write(folder, "127.0.0.1")
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(NotRunningError):
        cloud.running_on(9)


def test_error_while_ministack_runs_is_raised_as_it_is(started: list[Any]):
    with pytest.raises(ZeroDivisionError):
        fail_in(Cloud("127.0.0.1", 9))
    assert len(started) == 1

"""A file is sorted into the other bucket, and nothing of it stays in /tmp."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

import readings

EVENT = json.loads((Path(__file__).parents[1] / "events" / "readings_uploaded.json").read_text())


class FakeS3:
    """One object, and what is uploaded."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.uploaded: dict[tuple[str, str], bytes] = {}
        self.fails = False

    def download_file(self, bucket: str, key: str, path: str) -> None:
        assert (bucket, key) == ("readings", "2026-11-29 north.csv")
        Path(path).write_bytes(self.body)

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        if self.fails:
            raise ConnectionError
        self.uploaded[bucket, key] = Path(path).read_bytes()


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeS3:
    fake = FakeS3(b"m2,06:00,1\nm1,06:00,2\n")
    monkeypatch.setattr(readings, "s3", fake)
    monkeypatch.setattr(readings, "FOLDER", tmp_path / "readings")
    return fake


def test_file_is_sorted_under_the_same_key(s3: FakeS3) -> None:
    readings.handler(EVENT, None)
    assert s3.uploaded == {("sorted", "2026-11-29 north.csv"): b"m1,06:00,2\nm2,06:00,1\n"}
    assert not readings.FOLDER.exists()


def test_failure_leaves_nothing_in_tmp(s3: FakeS3) -> None:
    s3.fails = True
    with pytest.raises(ConnectionError):
        readings.handler(EVENT, None)
    assert not readings.FOLDER.exists()


def test_files_of_an_invocation_that_timed_out_are_removed_first(s3: FakeS3) -> None:
    readings.FOLDER.mkdir()
    (readings.FOLDER / "sorted.run7").write_bytes(b"m0,05:00,9\n")
    readings.handler(EVENT, None)
    assert b"m0" not in s3.uploaded["sorted", "2026-11-29 north.csv"]


def test_file_that_needs_more_than_tmp_has_is_refused_before_the_download(s3: FakeS3) -> None:
    event: dict[str, Any] = copy.deepcopy(EVENT)
    event["Records"][0]["s3"]["object"]["size"] = 300 * 2**20
    with pytest.raises(readings.TooLargeError, match=r"300 MB, and .* has 512 MB"):
        readings.handler(event, None)
    assert not s3.uploaded

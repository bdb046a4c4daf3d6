"""Tests that read or compare times pass at every date and in any time zone."""

import os
import subprocess
import sys

import pytest

from tests.support.repository import ROOT

TESTS = (
    "unit/functions/daily_report/test_abandoned.py",
    "unit/functions/daily_report/test_steps_asl.py",
    "unit/functions/view_counter/test_view_records.py",
    "unit/localcloud/cloudfront/test_caching.py",
    "unit/ops/test_journey.py",
    "integration/functions/catalog_replicator/test_replication.py::test_longest_lag_of_a_batch_is_measured",
    "integration/functions/daily_report/test_handler.py::test_event_file_is_a_step",
    "integration/functions/gallery_api/test_create_photo.py::test_upload_is_signed_for_fifteen_minutes",
    "integration/functions/gallery_api/test_delete_photo.py::test_record_becomes_a_tombstone_for_30_days",
    "integration/functions/gallery_api/test_idempotency.py::test_answer_expires_before_its_signed_upload",
)
CLOCKS = ("new_year", "summer_time_ends_in_berlin")


@pytest.mark.timeout(900)
def test_no_outcome_depends_on_the_date_or_the_time_zone():
    """`pytest -p tests.clocks` runs any other test under these and more clocks."""
    tests = [f"tests/{name}" for name in TESTS]
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "tests.clocks",
            "-q",
            "-p",
            "no:cacheprovider",
            *tests,
        ],
        cwd=ROOT,
        env=os.environ | {"CLOCKS": " ".join(CLOCKS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr

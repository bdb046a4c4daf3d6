"""Tests that read or compare times pass at every date and in any time zone."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.stack import ROOT

UNIT = (
    "daily_report_abandoned",
    "daily_report_steps_asl",
    "laptop_edge_caching",
    "ops_journey",
    "view_counter_views",
)
INTEGRATION = (
    "catalog_replicator/test_catalog_replicator_replication.py::test_longest_lag_of_a_batch_is_measured",
    "daily_report/test_daily_report_handler.py::test_event_file_is_a_step",
    "gallery_api/test_gallery_api_create_photo.py::test_policy_fixes_key_type_size_and_lifetime",
    "gallery_api/test_gallery_api_delete_photo.py::test_record_becomes_a_tombstone_for_30_days",
    "gallery_api/test_gallery_api_idempotency.py::test_answer_is_kept_shorter_than_its_form_lives",
)
CLOCKS = ("new_year", "leap_day_ends", "summer_time_ends_in_berlin", "local_date_is_tomorrow")


@pytest.mark.timeout(900)
def test_no_outcome_depends_on_the_date_or_the_time_zone():
    """`python -m tests.clocks` runs any other test under these and more clocks."""
    if not shutil.which("faketime"):
        missing = "faketime is not installed (apt-get install faketime)"
        if os.environ.get("CI"):
            pytest.fail(f"CI must run tests under other clocks, but {missing}")
        pytest.skip(f"{missing}: no test runs under another clock")
    tests = [f"tests/unit/test_{name}.py" for name in UNIT]
    tests += [f"tests/integration/{name}" for name in INTEGRATION]
    finished = subprocess.run(
        [sys.executable, "-m", "tests.clocks", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env=os.environ | {"CLOCKS": " ".join(CLOCKS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr

"""Figures that name a source in this repository equal that source."""

import gzip
import json
import math
import re
from datetime import timedelta
from typing import Any

import pytest

from daily_report import shares
from daily_report.steps import ROWS_OF_VIEWS
from fakes import view_records as stream
from fakes.tables import Item, Tables
from fakes.view_records import photo
from gallery_api.recent_totals import KEPT_FOR
from ops.cost import load
from ops.cost.figures import load_figures
from ops.page_files import page_files
from tools.translate import ROOT, load_template
from view_counter.segments import cut, transaction
from view_counter.view_records import read_batch

FIGURES = load_figures({})


def size(item: Item) -> int:
    """Bytes, as DynamoDB counts them: names and values, numbers by two digits."""
    return sum(len(name) + size_of(value) for name, value in item.items())


def size_of(value: dict[str, Any]) -> int:
    match value:
        case {"N": digits}:
            return math.ceil(len(digits) / 2) + 1
        case {"BS": parts}:
            return sum(map(len, parts))
        case {"M": inner}:
            return 3 + sum(1 + len(name) + size_of(each) for name, each in inner.items())
        case {"S": text}:
            return len(text)
    raise AssertionError(value)


def test_rows_of_views_are_as_long_as_view_counter_makes_them():
    tables = Tables(Views=("photo_id", "period"))
    [segment] = cut(read_batch([stream.record(1, photo(1))]).views)
    actions = transaction("Views", segment, stream.NOW, {})
    tables.transact_write_items(TransactItems=actions)
    total, minute = sorted(tables.items("Views"), key=lambda item: item["period"]["S"] != "total")
    del total["recent"]  # the minutes of an hour: the row stays below 1 kB
    assert size(total) == FIGURES.view_total_bytes
    entry = {name: total[name] for name in ("photo_id", "period", "rank_group", "magnitude")}
    assert size(entry) == FIGURES.ranking_entry_bytes
    assert size(minute) == FIGURES.view_minute_bytes + FIGURES.view_receipt_bytes
    [receipt] = minute["receipts"]["BS"]
    assert len(receipt) == FIGURES.view_receipt_bytes


def test_totals_are_kept_as_long_as_the_api_keeps_them():
    assert timedelta(seconds=FIGURES.kept_totals_seconds) == KEPT_FOR


def test_records_are_as_long_as_in_the_events():
    [record] = json.loads((ROOT / "events/dynamodb_photo_ready.json").read_text())["Records"]
    item = record["dynamodb"]["NewImage"]
    assert size(item) == pytest.approx(FIGURES.photo_item_bytes, rel=0.02)
    assert FIGURES.photo_item_bytes < 1024, "every write of it would be two units"


@pytest.mark.parametrize(("page", "figure"), [("index", "gallery"), ("photo", "photo_page")])
def test_files_of_a_page_and_their_compressed_bytes_are_those_that_are_published(
    page: str, figure: str
):
    files = page_files({path.name: path.read_bytes() for path in (ROOT / "web").iterdir()}, {})
    html = files[f"{page}.html"]
    named = {name.decode() for name in re.findall(rb'(?:href|src)="/([^"]+)"', html)}
    bodies = [html, *(files[name] for name in named)]
    assert len(bodies) == getattr(FIGURES, f"{figure}_files")
    size = sum(len(gzip.compress(body)) for body in bodies)
    assert size == pytest.approx(getattr(FIGURES, f"{figure}_bytes"), rel=0.15)


def test_a_line_of_the_access_log_is_as_long_as_the_format_makes_it():
    stage = load_template()["Resources"]["GalleryApi"]["Properties"]
    [_, setting, _] = stage["AccessLogSetting"]["Fn::If"]
    values = {
        "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "requestTimeEpoch": "1795178096789",
        "httpMethod": "GET",
        "resourcePath": "/photos/{photo_id}",
        "path": "/photos/019aa1a0-5e3c-7d11-8a7b-3f2c9d4e5f60",
        "status": "200",
        "responseLatency": "12",
        "integrationLatency": "10",
        "responseLength": "800",
        "xrayTraceId": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "error.responseType": "-",
    }
    line = re.sub(r"\$context\.([\w.]+)", lambda name: values[name[1]], setting["Format"])
    assert len(line) == pytest.approx(FIGURES.access_log_bytes, rel=0.05)


def test_metrics_of_the_report_are_counted():
    source = (ROOT / "functions/daily_report/report.py").read_text()
    [headlines] = re.findall(r"_HEADLINES: Final = \{(.+?)\n\}", source, re.DOTALL)
    assert headlines.count("\n    ") == FIGURES.daily_metrics


def test_shares_of_the_report_are_those_of_the_function():
    assert load.PHOTOS_PER_SHARE == shares.PHOTOS_PER_SHARE
    assert load.MAX_SHARES == shares.MAX_SHARES
    assert load.ROWS_OF_VIEWS == ROWS_OF_VIEWS
    states = json.loads((ROOT / "functions/daily_report/steps.asl.json").read_text())["States"]
    assert states["Shares"]["MaxConcurrency"] == load.SHARES_AT_ONCE


def test_every_source_that_names_a_file_exists():
    for name, figure in FIGURES.all.items():
        for path in re.findall(r"\b(?:bench|web|functions|events|docs)/[\w./]+\w", figure.source):
            assert (ROOT / path).exists(), name

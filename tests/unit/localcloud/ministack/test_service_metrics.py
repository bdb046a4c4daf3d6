"""The metrics that services send to the laptop cloud's CloudWatch."""

import json
from typing import Any

import pytest
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from localcloud.ministack.service_metrics import (
    Datum,
    MeasuredInvocation,
    of_answer,
    of_invocation,
    of_log_line,
)

NOW = 1_795_246_705.25


def blob(**changes: Any) -> dict[str, Any]:
    directive = {
        "Namespace": "Gallery",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "Seen", "Unit": "Count"}],
    }
    metadata = {"Timestamp": 1_795_246_705_250, "CloudWatchMetrics": [directive]}
    return {"_aws": metadata, "service": "counter", "Seen": 3, **changes}


def by_name(data: list[Datum]) -> dict[str, float]:
    return {each.name: round(each.value, 6) for each in data}


def test_embedded_metric_is_read_with_its_dimensions_and_its_own_time():
    [datum] = of_log_line(json.dumps(blob()))
    assert datum == Datum("Gallery", "Seen", 3, "Count", {"service": "counter"}, NOW)


def test_each_of_several_values_counts():
    assert [each.value for each in of_log_line(json.dumps(blob(Seen=[0, 1, 1])))] == [0, 1, 1]


def test_each_set_of_dimensions_is_a_metric_of_its_own():
    several = blob(version="7")
    several["_aws"]["CloudWatchMetrics"][0]["Dimensions"] = [
        ["service"],
        ["service", "version"],
        [],
    ]
    found = [each.dimensions for each in of_log_line(json.dumps(several))]
    assert found == [{"service": "counter"}, {"service": "counter", "version": "7"}, {}]


def test_metrics_of_powertools_are_read(capsys: pytest.CaptureFixture[str]):
    with single_metric("Age", MetricUnit.Milliseconds, 250, namespace="gallery") as metric:
        metric.add_dimension("service", "thumbnailer")
    [datum] = of_log_line(capsys.readouterr().out)
    assert datum[:5] == ("gallery", "Age", 250, "Milliseconds", {"service": "thumbnailer"})


@pytest.mark.parametrize(
    "line",
    [
        "START RequestId: 1 Version: $LATEST",
        '{"level": "INFO", "message": "Answered"}',
        'Traceback: "CloudWatchMetrics"',
        json.dumps(blob(Seen="three")),
        json.dumps(blob(Seen=None)),
        json.dumps({**blob(), "_aws": {"CloudWatchMetrics": "?"}}),
        json.dumps({name: value for name, value in blob().items() if name != "service"}),
    ],
)
def test_other_lines_have_no_metrics(line: str):
    assert of_log_line(line) == []


def run(event: object = None, **changes: Any) -> MeasuredInvocation:
    return MeasuredInvocation("counter", event, NOW, NOW + 0.5, 2, failed=False)._replace(**changes)


def test_an_invocation_is_counted_with_its_duration_and_a_zero_where_nothing_failed():
    data = of_invocation(run())
    assert by_name(data) == {
        "Invocations": 1,
        "Errors": 0,
        "Throttles": 0,
        "ConcurrentExecutions": 2,
        "Duration": 500,
    }
    assert {each.namespace for each in data} == {"AWS/Lambda"}
    assert {each.at for each in data} == {NOW}
    assert all(each.dimensions == {"FunctionName": "counter"} for each in data)


def test_an_invocation_that_failed_is_an_error_too():
    assert by_name(of_invocation(run(failed=True)))["Errors"] == 1


def test_an_asynchronous_event_has_an_age():
    assert by_name(of_invocation(run(queued=NOW - 2)))["AsyncEventAge"] == 2000


@pytest.mark.parametrize(
    "record",
    [
        {"kinesis": {"approximateArrivalTimestamp": NOW - 3}},
        {"dynamodb": {"ApproximateCreationDateTime": NOW - 3}},
    ],
)
def test_the_age_of_a_batch_is_that_of_its_last_record(record: dict[str, Any]):
    older = {service: dict.fromkeys(fields, NOW - 60) for service, fields in record.items()}
    event = {"Records": [{"eventSourceARN": "arn", **each} for each in (older, record)]}
    assert by_name(of_invocation(run(event)))["IteratorAge"] == 3000


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [{"kinesis": {"approximateArrivalTimestamp": NOW}}]},  # given to it by hand
        {"Records": [{"eventSource": "aws:s3", "s3": {}}]},
        {"Records": []},
        {"redrive": {"records": []}},
        "text",
    ],
)
def test_invocation_without_a_stream_has_no_iterator_age(event: object):
    assert "IteratorAge" not in by_name(of_invocation(run(event)))


@pytest.mark.parametrize(
    ("status", "client", "server"),
    [(200, 0, 0), (302, 0, 0), (404, 1, 0), (500, 0, 1), (504, 0, 1)],
)
def test_an_answer_is_counted_by_its_status_for_the_api_and_for_its_stage(
    status: int, client: int, server: int
):
    data = of_answer("gallery", "api", status, NOW, NOW + 0.25)
    expected = {"Count": 1, "4XXError": client, "5XXError": server, "Latency": 250}
    for dimensions in ({"ApiName": "gallery"}, {"ApiName": "gallery", "Stage": "api"}):
        of_these = [each for each in data if each.dimensions == dimensions]
        assert by_name(of_these) == expected

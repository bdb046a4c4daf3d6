"""Alarms of the laptop cloud follow their own metric, which their dimensions name."""

import secrets

import pytest

from localcloud.cloud import Cloud
from tests.support.waiting import awaited


@pytest.mark.parametrize(("counted", "state"), [("orders", "ALARM"), ("returns", "OK")])
def test_alarm_counts_its_own_dimensions_only(cloud: Cloud, counted: str, state: str):
    cloudwatch, name = cloud.client("cloudwatch"), f"failures-{secrets.token_hex(4)}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="Failures",
        Dimensions=[{"Name": "queue", "Value": "orders"}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    for queue in ("orders", "returns"):
        cloudwatch.put_metric_data(
            Namespace=name,
            MetricData=[
                {
                    "MetricName": "Failures",
                    "Dimensions": [{"Name": "queue", "Value": queue}],
                    "Value": float(queue == counted),
                }
            ],
        )

    def found() -> bool:
        [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return bool(alarm["StateValue"] == state)

    awaited(found)
    cloudwatch.delete_alarms(AlarmNames=[name])

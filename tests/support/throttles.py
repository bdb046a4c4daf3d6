"""How often a function was throttled, by the metric of a laptop cloud."""

from datetime import UTC, datetime, timedelta

from localcloud.cloud import Cloud


def throttles(cloud: Cloud, name: str) -> float:
    """The throttles of the last three hours, which is longer than any test's cloud runs."""
    now = datetime.now(UTC)
    statistics = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Throttles",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=now - timedelta(hours=3),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(each["Sum"] for each in statistics["Datapoints"]))

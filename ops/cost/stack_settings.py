"""Reads from template.yaml what costs money or sets a limit."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tools.intrinsics import Resolver

DEFAULT_FRACTION: Final = 0.05  # of X-Ray's default rule, beyond one trace a second
EDGE: Final = "EdgeHeadersFunction"
_ALARMS: Final = "AWS::CloudWatch::Alarm"
_SCALING: Final = "AWS::ApplicationAutoScaling::ScalingPolicy"
_ALARMS_OF_TRACKING: Final = 2  # created by Application Auto Scaling per policy, up and down
_DEFAULT_MEMORY: Final = 128  # MB, for a function without MemorySize


class Function(msgspec.Struct, frozen=True):
    """A function: memory in megabytes, architecture, and whether it is traced."""

    memory: int
    architecture: str
    traced: bool

    @property
    def gigabytes(self) -> float:
        """The memory in gigabytes, the unit in which Lambda bills it."""
        return self.memory / 1024


class EventSourceSettings(msgspec.Struct, frozen=True):
    """The settings of an event source mapping of a stream."""

    batch_size: int
    window_seconds: float
    parallel_batches: int


class StackSettings(msgspec.Struct, frozen=True):
    """The settings of the template for one stage and its parameters."""

    stage: str
    functions: dict[str, Function]
    provisioned_minimum: int
    provisioned_maximum: int
    reserved_thumbnailers: int | None
    shards: int
    on_demand_stream: bool
    views: EventSourceSettings
    changes: EventSourceSettings
    throttles: dict[str, float]
    api_traced: bool
    traced_fraction: float
    logged_fraction: float
    logs_successful_runs: bool
    access_logs: bool
    log_days: int
    alarm_metrics: int
    composite_alarms: int
    dashboards: int
    secrets: int
    backed_up_tables: set[str]
    days_to_glacier: int | None
    sign_in_plan: str
    at_the_edge: bool
    views_through_url: bool


def read_stack_settings(
    template: Mapping[str, Any], parameters: Mapping[str, str]
) -> StackSettings:
    """Read the settings of a stack in us-east-1.

    Raises:
        ValueError: a parameter is not valid.
    """
    resolver = Resolver(template, parameters)
    common = resolver.value(template["Globals"]["Function"])
    declared = resolver.resources("AWS::Serverless::Function")
    functions = {
        name: _function(each, {} if "IgnoreGlobals" in template["Resources"][name] else common)
        for name, each in declared.items()
    }
    reserved = declared["ThumbnailerFunction"].get("ReservedConcurrentExecutions")
    sampling = list(resolver.resources("AWS::XRay::SamplingRule").values())
    environment = declared["GalleryApiFunction"]["Environment"]["Variables"]
    least, most = _provisioned(resolver, declared["GalleryApiFunction"])
    [stream] = resolver.resources("AWS::Kinesis::Stream").values()
    [api] = resolver.resources("AWS::Serverless::Api").values()
    [pool] = resolver.resources("AWS::Cognito::UserPool").values()
    logs = resolver.resources("AWS::Logs::LogGroup")["GalleryApiLogGroup"]
    tables = resolver.resources("AWS::DynamoDB::Table")
    uploads = resolver.resources("AWS::S3::Bucket")["UploadsBucket"]
    days = [
        transition["TransitionInDays"]
        for rule in uploads["LifecycleConfiguration"]["Rules"]
        for transition in rule.get("Transitions", [])
        if transition["StorageClass"] == "GLACIER_IR"
    ]
    return StackSettings(
        stage=str(parameters.get("Stage", "dev")),
        functions=functions,
        provisioned_minimum=least,
        provisioned_maximum=most,
        reserved_thumbnailers=None if reserved is None else int(reserved),
        shards=int(stream.get("ShardCount", 0)),
        on_demand_stream=stream["StreamModeDetails"]["StreamMode"] == "ON_DEMAND",
        views=_reader(declared["ViewCounterFunction"], "Kinesis"),
        changes=_reader(declared["CatalogReplicatorFunction"], "DynamoDB"),
        throttles={
            _route(each): float(each["ThrottlingRateLimit"]) for each in api["MethodSettings"]
        },
        api_traced=bool(api.get("TracingEnabled")),
        traced_fraction=float(sampling[0]["SamplingRule"]["FixedRate"])
        if sampling
        else DEFAULT_FRACTION,
        logged_fraction=float(environment["LOGGED_FRACTION"]),
        logs_successful_runs=declared["GalleryApiFunction"]["LoggingConfig"]["SystemLogLevel"]
        != "WARN",
        access_logs="AccessLogSetting" in api,
        log_days=int(logs["RetentionInDays"]),
        alarm_metrics=sum(map(_metrics, resolver.resources(_ALARMS).values()))
        + _ALARMS_OF_TRACKING * len(resolver.resources(_SCALING)),
        composite_alarms=len(resolver.resources("AWS::CloudWatch::CompositeAlarm")),
        dashboards=len(resolver.resources("AWS::CloudWatch::Dashboard")),
        secrets=len(resolver.resources("AWS::SecretsManager::Secret")),
        backed_up_tables={
            name
            for name, each in tables.items()
            if each.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")
        },
        days_to_glacier=min(days, default=None),
        sign_in_plan=pool.get("UserPoolTier", "ESSENTIALS"),
        at_the_edge=EDGE in functions,
        views_through_url=resolver.holds("UsesViewsUrl"),
    )


def _function(properties: Mapping[str, Any], common: Mapping[str, Any]) -> Function:
    merged = {**common, **properties}
    [architecture] = merged["Architectures"]
    memory = int(merged.get("MemorySize", _DEFAULT_MEMORY))
    return Function(memory, architecture, merged.get("Tracing") == "Active")


def _provisioned(resolver: Resolver, function: Mapping[str, Any]) -> tuple[int, int]:
    """The minimum and maximum of provisioned concurrency."""
    fixed = int(
        function.get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0)
    )
    targets = resolver.resources("AWS::ApplicationAutoScaling::ScalableTarget").values()
    for target in targets:
        if target.get("ServiceNamespace") == "lambda":
            return int(target["MinCapacity"]), int(target["MaxCapacity"])
    return fixed, fixed


def _reader(function: Mapping[str, Any], source: str) -> EventSourceSettings:
    [properties] = [
        each["Properties"] for each in function["Events"].values() if each["Type"] == source
    ]
    return EventSourceSettings(
        batch_size=int(properties["BatchSize"]),
        window_seconds=float(properties.get("MaximumBatchingWindowInSeconds", 0)),
        parallel_batches=int(properties.get("ParallelizationFactor", 1)),
    )


def _route(setting: Mapping[str, Any]) -> str:
    """The route such as `GET /photos`; `* /*` stands for all routes without their own throttle."""
    path = re.sub(r"~1", "/", setting["ResourcePath"].removeprefix("/"))
    return f"{setting['HttpMethod']} {path if path.startswith('/') else f'/{path}'}"


def _metrics(alarm: Mapping[str, Any]) -> int:
    """The number of metrics of an alarm: each is billed."""
    return sum("MetricStat" in query for query in alarm.get("Metrics", ())) or 1

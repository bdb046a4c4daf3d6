"""Computes a month's bill from the load."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from ops.cost.figures import Figures
from ops.cost.load import Load, load_of, shards_needed
from ops.cost.prices import Price
from ops.cost.scenario import DAY, Scenario
from ops.cost.stack_settings import DEFAULT_FRACTION, EDGE, StackSettings

HOURS: Final = 730.0
MONTH: Final = HOURS * 3600
_API: Final = "GalleryApiFunction"
_UTILISATION: Final = 0.7  # target value of provisioned concurrency's utilization
_BILLED_RECORD: Final = 1024.0  # bytes to which an on-demand stream rounds up each record
_KMS_CALLS_AN_HOUR: Final = 12.0  # for each set of credentials

type Quantities = Iterator[tuple[str, str, float]]


class BillLine(msgspec.Struct, frozen=True):
    """A month's quantity of a meter, in single units, and its cost."""

    meter: str
    what: str
    quantity: float
    usd: float


class Bill(msgspec.Struct, frozen=True):
    """The bill of a month."""

    lines: list[BillLine]

    @property
    def usd(self) -> float:
        """The sum of all lines."""
        return sum(line.usd for line in self.lines)

    def by_service(self, prices: Mapping[str, Price]) -> dict[str, float]:
        """US dollars by service, the most expensive first."""
        totals: dict[str, float] = defaultdict(float)
        for line in self.lines:
            totals[prices[line.meter].service] += line.usd
        return dict(sorted(totals.items(), key=lambda item: -item[1]))


def bill(
    scenario: Scenario,
    stack: StackSettings,
    figures: Figures,
    prices: Mapping[str, Price],
    *,
    free_tier: bool = False,
) -> Bill:
    """The bill of the scenario's month, if all exceeded limits are raised."""
    shards = shards_needed(scenario, stack)
    load = load_of(scenario, stack, figures, shards=shards)
    found = [
        quantity
        for part in (
            _lambda(load, scenario, stack, figures),
            _edge(load, stack, figures),
            _streams(load, scenario, stack, figures, shards),
            _stores(load, scenario, stack),
            _api_and_cdn(load, scenario, stack, figures),
            _observability(load, stack, figures),
        )
        for quantity in part
        if quantity[2] > 0
    ]
    totals: dict[str, float] = defaultdict(float)
    for meter, _, quantity in found:
        totals[meter] += quantity
    rates = {
        meter: prices[meter].cost(total, free_tier=free_tier) / total
        for meter, total in totals.items()
    }
    return Bill([BillLine(*each, each[2] * rates[each[0]]) for each in found])


def provisioned_environments(load: Load, stack: StackSettings) -> int:
    """The API's provisioned concurrency, on average."""
    wanted = math.ceil(load.concurrency(_API) / _UTILISATION)
    return min(max(stack.provisioned_minimum, wanted), stack.provisioned_maximum)


def _lambda(load: Load, scenario: Scenario, stack: StackSettings, figures: Figures) -> Quantities:
    provisioned = provisioned_environments(load, stack)
    busy = load.concurrency(_API)
    covered = min(1.0, provisioned / busy) if busy else 1.0
    for name, rate in load.invocations.items():
        function = stack.functions[name]
        what = _folder(name)
        calls = rate * MONTH
        yield "lambda_requests", what, calls
        on_provisioned = covered if name == _API and provisioned else 0.0
        cold = scenario.cold_start_share * figures.cold_start_ms / 1000 * (1 - on_provisioned)
        gigabytes = calls * function.gigabytes
        seconds = load.seconds[name]
        arch = function.architecture
        yield f"lambda_{arch}", what, gigabytes * (seconds * (1 - on_provisioned) + cold)
        yield f"lambda_on_provisioned_{arch}", what, gigabytes * seconds * on_provisioned
    api = stack.functions[_API]
    kept = provisioned * api.gigabytes * MONTH
    yield (
        f"lambda_provisioned_{api.architecture}",
        f"{provisioned} environments of {_folder(_API)}",
        kept,
    )


def _edge(load: Load, stack: StackSettings, figures: Figures) -> Quantities:
    if not stack.at_the_edge:
        return
    runs = load.edge_runs * MONTH
    pages = load.photo_page_misses * MONTH
    seconds = (runs - pages) * figures.edge_ms / 1000 + pages * figures.edge_photo_page_ms / 1000
    yield "edge_requests", _folder(EDGE), runs
    yield "edge_duration", _folder(EDGE), seconds * stack.functions[EDGE].gigabytes


def _streams(
    load: Load, scenario: Scenario, stack: StackSettings, figures: Figures, shards: int
) -> Quantities:
    records = load.views * MONTH
    if stack.on_demand_stream:
        yield "kinesis_stream", "views stream", HOURS
        yield "kinesis_in", "views stream", records * _BILLED_RECORD
        yield "kinesis_out", "views stream", records * figures.view_record_bytes
    else:
        more = f", the template has {stack.shards}" if shards > stack.shards else ""
        yield "kinesis_shards", f"views stream, {shards}{more}", shards * HOURS
        yield "kinesis_puts", "views stream", records
    # Each environment of the API that sends records, and each shard's reader, has its credentials.
    callers = load.concurrency(_API) + shards if load.views else 0.0
    yield "kms_requests", "views stream", math.ceil(callers) * _KMS_CALLS_AN_HOUR * HOURS
    yield "queue_requests", "failed events", 3 * load.uploads * scenario.failed_share * MONTH
    yield "emails", "alarms", scenario.notifications_per_month
    yield "schedules", "daily report", MONTH / DAY
    # The states Begin and Done, and for each step a task and a choice. Shares add the map, the end
    # of each, and the first and the last step.
    steps = load.invocations["DailyReportFunction"] * MONTH
    shares = load.report_shares + 5 if load.report_shares > 1 else 0
    yield "transitions", "daily report", 2 * steps + (2 + shares) * MONTH / DAY


def _stores(load: Load, scenario: Scenario, stack: StackSettings) -> Quantities:
    for table, units in load.write_units.items():
        yield "dynamodb_writes", _table(table), units * MONTH
    for table, units in load.read_units.items():
        yield "dynamodb_reads", _table(table), units * MONTH
    for table, size in load.stored.items():
        yield "dynamodb_storage", _table(table), size
        if table in stack.backed_up_tables:
            # The backup contains the table without its indexes.
            is_doubled = table in {"PhotosTable", "CatalogTable"}
            indexes = {"ViewsTable": load.ranking_bytes}.get(table, size / 2 if is_doubled else 0)
            yield "dynamodb_backup", _table(table), size - indexes
    originals = scenario.photos_stored * scenario.original_bytes
    young = originals
    if stack.days_to_glacier is not None:
        young = min(originals, load.uploads * DAY * stack.days_to_glacier * scenario.original_bytes)
        yield "s3_transitions", "originals", load.uploads * MONTH
    yield "s3_standard", "originals", young
    yield "s3_glacier", "originals", originals - young
    yield "s3_standard", "renditions", scenario.photos_stored * scenario.renditions_bytes
    # An upload makes one PUT, three PUTs of renditions and one LIST; a deletion makes one LIST.
    yield "s3_writes", "photos", (5 * load.uploads + load.deletions) * MONTH
    yield "s3_writes", "daily report", (4 * scenario.photos_stored / 1000 + 5) * MONTH / DAY
    yield "s3_reads", "photos", load.uploads * MONTH
    yield "s3_reads", "cache misses of CloudFront", load.edge_runs * MONTH


def _api_and_cdn(
    load: Load, scenario: Scenario, stack: StackSettings, figures: Figures
) -> Quantities:
    yield "api_requests", "", load.gateway_requests * MONTH
    yield "cognito_" + stack.sign_in_plan.lower(), "", scenario.active_users
    if stack.at_the_edge:
        yield "cloudfront_out", "pages, photos, answers", load.bytes_out * MONTH
        yield "cloudfront_requests", "files of pages", load.page_requests * MONTH
        yield "cloudfront_requests", "photos", load.image_requests * MONTH
        yield "cloudfront_requests", "API", sum(load.requests.values()) * MONTH
        yield "cloudfront_to_origin", "API", load.bytes_to_origin * MONTH
        yield (
            "cloudfront_invalidations",
            "deleted photos",
            figures.paths_per_deletion * load.deletions * MONTH,
        )


def _observability(load: Load, stack: StackSettings, figures: Figures) -> Quantities:
    whole = figures.log_bytes_per_invocation
    kept = 0.0
    for name, rate in load.invocations.items():
        logged = rate * (api_log_bytes(stack, figures) if name == _API else whole)
        yield "logs_in", _folder(name), logged * MONTH
        kept += logged
    if stack.access_logs:
        access = load.gateway_requests * figures.access_log_bytes
        yield "access_logs_in", "", access * MONTH
        kept += access
    yield (
        "logs_stored",
        f"{stack.log_days} days",
        (kept * DAY * stack.log_days * figures.log_compression),
    )
    # A metric is billed for each hour in which it is sent.
    hours = -math.expm1(-3600 * (load.uploads + load.counting.batches))
    steady = figures.custom_metrics - figures.daily_metrics
    yield "metrics", "", steady * hours + figures.daily_metrics / 24
    yield "alarms", "", float(stack.alarm_metrics)
    yield "composite_alarms", "", float(stack.composite_alarms)
    yield "dashboards", "", float(stack.dashboards)
    yield "secrets", "", float(stack.secrets)
    for name, rate in traceable(load, stack):
        yield "traces", _folder(name), traced(name, rate, stack) * MONTH


def api_log_bytes(stack: StackSettings, figures: Figures) -> float:
    """Bytes that an average invocation of the API logs: the function's line, and Lambda's."""
    of_lambda = figures.log_bytes_per_invocation - figures.request_log_bytes
    own = figures.request_log_bytes * stack.logged_fraction
    return own + (of_lambda if stack.logs_successful_runs else 0)


def traceable(load: Load, stack: StackSettings) -> Iterator[tuple[str, float]]:
    """The functions whose invocations X-Ray may sample, with their number per second.

    The function of the API follows the decision of API Gateway.
    """
    for name, rate in load.invocations.items():
        if name == _API and stack.views_through_url:
            yield name, load.gateway_requests
        elif stack.functions[name].traced:
            yield name, rate


def traced(function: str, rate: float, stack: StackSettings) -> float:
    """Traces per second that X-Ray records: one, and a fraction of the others.

    Only the fraction of requests to the API can be changed.
    """
    fraction = stack.traced_fraction if function == _API else DEFAULT_FRACTION
    return min(rate, 1.0) + fraction * max(0.0, rate - 1)


def _folder(function: str) -> str:
    name = function.removesuffix("Function")
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).strip("_")


def _table(name: str) -> str:
    return name.removesuffix("Table").lower()

"""Compares the ways in which views can reach the stream, by their monthly cost.

Each way pays for CloudFront, the gateway, Lambda with its reads, logs and traces, and the record in
the stream. What follows the stream is the same.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from ops.cost.figures import Figures
from ops.cost.load import EVENTUAL, Load, api_seconds, load_of, shards_needed
from ops.cost.prices import Price
from ops.cost.report import CostEstimate, dollars
from ops.cost.scenario import Scenario
from ops.cost.stack_settings import StackSettings
from ops.cost.usage import MONTH, api_log_bytes

_API: Final = "GalleryApiFunction"
_BUNDLED: Final = 5  # views in one request


class ViewPath(msgspec.Struct, frozen=True):
    """A way of views to the stream, and what it changes."""

    name: str
    gateway: str | None  # the meter of its requests
    lambda_runs: bool
    views_per_request: int
    latency: str
    loses: str
    gives_up: str


PATHS: Final = [
    ViewPath(
        "REST API, Lambda (the default)",
        "api_requests",
        lambda_runs=True,
        views_per_request=1,
        latency="gateway and function",
        loses="nothing after 202",
        gives_up="nothing",
    ),
    ViewPath(
        "REST API, Kinesis without Lambda",
        "api_requests",
        lambda_runs=False,
        views_per_request=1,
        latency="gateway alone",
        loses="nothing after 202",
        gives_up="the counts in the answer, so each page asks once more; 404 for unknown photos:"
        " the view counter must look up each photo of a batch, and invented ids cost a record each;"
        " pseudonyms of viewers; problem+json of the function",
    ),
    ViewPath(
        "HTTP API, Lambda",
        "http_api_requests",
        lambda_runs=True,
        views_per_request=1,
        latency="gateway and function",
        loses="nothing after 202",
        gives_up="the resource policy that admits CloudFront only: the function must compare the"
        " origin secret; X-Ray of the gateway; a second API beside the REST API",
    ),
    ViewPath(
        "HTTP API, Kinesis without Lambda",
        "http_api_requests",
        lambda_runs=False,
        views_per_request=1,
        latency="gateway alone",
        loses="nothing after 202",
        gives_up="what the two ways above give up; and nothing can compare the origin secret",
    ),
    ViewPath(
        "function URL behind CloudFront (`ViewsApi=function-url`)",
        None,
        lambda_runs=True,
        views_per_request=1,
        latency="function alone",
        loses="nothing after 202",
        gives_up="throttles by route: reserved concurrency is the only limit; access logs and"
        " traces of views; the client must send `x-amz-content-sha256`",
    ),
    ViewPath(
        f"REST API, Lambda, {_BUNDLED} views in a request",
        "api_requests",
        lambda_runs=True,
        views_per_request=_BUNDLED,
        latency="until the page has five views, or is left",
        loses="views of a browser that ends without sending them",
        gives_up="the visitor's own view in the count after seconds; one request is one view",
    ),
]


def monthly(
    path: ViewPath,
    scenario: Scenario,
    stack: StackSettings,
    figures: Figures,
    prices: Mapping[str, Price],
) -> float:
    """US dollars of a month for the views of the scenario on this way."""
    load = load_of(scenario, stack, figures, shards=shards_needed(scenario, stack))
    return sum(usd for _, usd in _parts(path, load, stack, figures, prices))


def _parts(
    path: ViewPath,
    load: Load,
    stack: StackSettings,
    figures: Figures,
    prices: Mapping[str, Price],
) -> Iterator[tuple[str, float]]:
    views = load.views * MONTH
    requests = views / path.views_per_request

    def added(meter: str, others: float, quantity: float) -> float:
        """What the quantity costs on top of the other requests of a month."""
        price = prices[meter]
        whole = price.cost(others + quantity, free_tier=False)
        return whole - price.cost(others, free_tier=False)

    yield "CloudFront", added("cloudfront_requests", 0, requests)
    if path.gateway:
        # A REST API has the reads, too; an HTTP API would have the views alone.
        reads = load.api_requests * MONTH - views if path.gateway == "api_requests" else 0
        yield "gateway", added(path.gateway, reads, requests)
    yield "Kinesis", added("kinesis_puts", 0, views)
    # Lambda looks up the photo and its counts; the view counter would look up photos alone.
    looked_up = 2 * views if path.lambda_runs else _photos_of_batches(load) * MONTH
    yield "DynamoDB", added("dynamodb_reads", 0, looked_up * EVENTUAL)
    if not path.lambda_runs:
        return
    function = stack.functions[_API]
    seconds = api_seconds(stack, figures, view_share=1) + (
        path.views_per_request - 1
    ) * _more_seconds(figures)
    yield "Lambda", added("lambda_requests", 0, requests)
    yield (
        "Lambda",
        added(f"lambda_{function.architecture}", 0, requests * seconds * function.gigabytes),
    )
    yield "logs", added("logs_in", 0, requests * api_log_bytes(stack, figures))
    if path.gateway:
        yield "traces", added("traces", 0, requests * stack.traced_fraction)


def _more_seconds(figures: Figures) -> float:
    """One more view in a request; its lookup and record travel with those of the first."""
    return figures.counter_cpu_us_per_record / 1e6


def _photos_of_batches(load: Load) -> float:
    """Photos that the view counter would look up: at most one for each view."""
    return min(load.views, load.counting.batches * math.ceil(load.counting.records_per_batch))


def view_paths_table(
    scenario: Scenario, stack: StackSettings, figures: Figures, prices: Mapping[str, Price]
) -> str:
    """The table in Markdown."""
    lines = [
        "| way of a view | a month | a million views | the caller waits for | can be lost"
        " | gives up |",
        "|---|---:|---:|---|---|---|",
    ]
    load = load_of(scenario, stack, figures, shards=shards_needed(scenario, stack))
    for path in PATHS:
        usd = monthly(path, scenario, stack, figures, prices)
        one = usd / (load.views * MONTH) * 1e6
        lines.append(
            f"| {path.name} | {dollars(usd)} | {dollars(one)} | {path.latency} | {path.loses}"
            f" | {path.gives_up} |"
        )
    return "\n".join(lines) + "\n"


def views_api_table(bills: Mapping[str, tuple[CostEstimate, CostEstimate]]) -> str:
    """The table in Markdown: by scenario, a month with `ViewsApi=rest` and with `function-url`."""
    lines = [
        "| scenario | `ViewsApi=rest` | `ViewsApi=function-url` | saved |",
        "|---|---:|---:|---:|",
    ]
    for name, (rest, url) in bills.items():
        saved = rest.bill.usd - url.bill.usd
        sign = "-" if saved < 0 else ""
        lines.append(
            f"| {name} | {dollars(rest.bill.usd)} | {dollars(url.bill.usd)}"
            f" | {sign}{dollars(abs(saved))} |"
        )
    return "\n".join(lines) + "\n"

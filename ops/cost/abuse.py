"""The cost of each kind of attack per day.

The rate of an attack is the limit of the template or of AWS, or the web ACL's limit for one client
address. docs/security.md has the table; `make cost ARGS=--write` writes it.
"""

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from ops.cost.figures import Figures
from ops.cost.limits import load_quotas
from ops.cost.load import (
    EVENTUAL,
    api_seconds,
    invocation_seconds,
    list_read_units,
    load_of,
)
from ops.cost.prices import Price
from ops.cost.scenario import DAY, Scenario, without_traffic
from ops.cost.stack_settings import EDGE, StackSettings
from ops.cost.usage import MONTH
from ops.cost.view_counting import READ_UNIT
from shared.photos import MAX_UPLOAD_BYTES

PER_CLIENT: Final = 1000  # RequestsPerClient, in the window below, as an example
WINDOW_SECONDS: Final = 300
_API: Final = "GalleryApiFunction"

type Quantities = dict[str, float]  # by meter, of one request


class Attack(msgspec.Struct, frozen=True):
    """Requests that cause costs; `most` is the rate of all attackers together."""

    what: str
    limit: str
    most: float
    usage: Quantities

    def usd_per_day(self, rate: float, prices: Mapping[str, Price]) -> float:
        """US dollars of an average day of a month at this rate, without the free tier."""
        month = (
            prices[meter].cost(quantity * rate * MONTH, free_tier=False)
            for meter, quantity in self.usage.items()
        )
        return sum(month) * DAY / MONTH


def attacks(scenario: Scenario, stack: StackSettings, figures: Figures) -> list[Attack]:
    """Requests that cost money, by kind; the first ones are limited by AWS alone.

    The sizes of photos are those of the scenario.
    """
    quotas = load_quotas()
    edge = quotas["edge_requests"].limit
    page = _edge(stack, figures.edge_photo_page_ms, figures.photo_page_bytes)
    missing = _edge(stack, figures.edge_ms, figures.answer_bytes)
    download = {"cloudfront_requests": 1.0, "cloudfront_out": scenario.large_bytes}
    minutes = figures.view_total_bytes + 60 * figures.view_minute_bytes
    counts = EVENTUAL * math.ceil(minutes / READ_UNIT)
    at_edge = f"Lambda@Edge, {edge:,.0f} a second"
    lists = _request(stack, figures) | {"dynamodb_reads": list_read_units(figures)}
    lists["cloudfront_out"] = figures.list_answer_bytes
    return [
        Attack(
            "downloads of renditions from the cache",
            f"CloudFront, {quotas['cdn_bits'].limit / 1e9:,.0f} Gbit/s",
            quotas["cdn_bits"].limit / 8 / scenario.large_bytes,
            download,
        ),
        Attack("photo pages with invented ids", at_edge, edge, page | {"dynamodb_reads": EVENTUAL}),
        Attack("files that do not exist", at_edge, edge, missing),
        _route(stack, "POST /photos/{photo_id}/views", _view(scenario, stack, figures)),
        _route(
            stack,
            "GET /photos/{photo_id}/views",
            _request(stack, figures) | {"dynamodb_reads": EVENTUAL + counts},
        ),
        _route(stack, "GET /photos", lists),
        _route(stack, "POST /photos", _upload(scenario, stack, figures)),
    ]


def _route(stack: StackSettings, route: str, usage: Quantities) -> Attack:
    own = route in stack.throttles
    most = stack.throttles[route if own else "* /*"]
    shared = "" if own else " with other routes"
    signed_in = ", signed in, each with a file of 25 MB" if route == "POST /photos" else ""
    return Attack(f"`{route}`{signed_in}", f"template, {most:,.0f} a second{shared}", most, usage)


def _request(
    stack: StackSettings, figures: Figures, upload_share: float = 0, view_share: float = 0
) -> Quantities:
    """A request to the API through CloudFront."""
    function = stack.functions[_API]
    return {
        "cloudfront_requests": 1.0,
        "cloudfront_to_origin": figures.request_bytes,
        "cloudfront_out": figures.answer_bytes,
        "api_requests": 1.0,
        "lambda_requests": 1.0,
        f"lambda_{function.architecture}": api_seconds(
            stack, figures, upload_share=upload_share, view_share=view_share
        )
        * function.gigabytes,
        "logs_in": figures.log_bytes_per_invocation,
        "access_logs_in": figures.access_log_bytes if stack.access_logs else 0.0,
        "traces": 2 * stack.traced_fraction,
    }


def _edge(stack: StackSettings, milliseconds: float, size: float) -> Quantities:
    """A request that CloudFront answers from a bucket, through the edge function."""
    return {
        "cloudfront_requests": 1.0,
        "cloudfront_out": size,
        "edge_requests": 1.0,
        "edge_duration": milliseconds / 1000 * stack.functions[EDGE].gigabytes,
        "s3_reads": 1.0,
    }


def _view(scenario: Scenario, stack: StackSettings, figures: Figures) -> Quantities:
    """A view of one photo at the throttle of its route, with its share of the counting."""
    rate = stack.throttles["POST /photos/{photo_id}/views"]
    only = msgspec.structs.replace(
        without_traffic(scenario), views_per_day=rate * DAY, photos_viewed=1, popularity=0
    )
    load = load_of(only, stack, figures, shards=stack.shards or 1)
    counter = stack.functions["ViewCounterFunction"]
    batches = load.counting.batches / rate
    request = _request(stack, figures, view_share=1)
    return request | {
        "cloudfront_out": figures.view_answer_bytes,
        "dynamodb_reads": EVENTUAL + load.counting.read_units_per_look[0],
        "dynamodb_writes": load.counting.write_units / rate,
        "kinesis_puts": 1.0,
        "lambda_requests": 1.0 + batches,
        f"lambda_{counter.architecture}": request[f"lambda_{stack.functions[_API].architecture}"]
        + batches * load.counting.seconds_per_batch * counter.gigabytes,
    }


def _upload(scenario: Scenario, stack: StackSettings, figures: Figures) -> Quantities:
    """The most expensive photo in the largest file, which is stored for a month."""
    thumbnailer = stack.functions["ThumbnailerFunction"]
    architecture = thumbnailer.architecture
    request = _request(stack, figures, upload_share=1)
    seconds = invocation_seconds(
        thumbnailer, figures.thumbnailer_most_cpu_ms, figures.thumbnailer_wait_ms
    )
    return request | {
        "lambda_requests": 2.0,
        f"lambda_{architecture}": request[f"lambda_{stack.functions[_API].architecture}"]
        + seconds * thumbnailer.gigabytes,
        "dynamodb_writes": 9.0,  # record and catalog row with their indexes, answer by key
        "s3_writes": 5.0,
        "s3_reads": 1.0,
        "s3_standard": MAX_UPLOAD_BYTES + scenario.renditions_bytes,
    }


def abuse_table(
    scenario: Scenario, stack: StackSettings, figures: Figures, prices: Mapping[str, Price]
) -> str:
    """The table in Markdown."""
    one = PER_CLIENT / WINDOW_SECONDS
    lines = [
        f"| attack | stopped at | USD a day at that | USD a day of one address with"
        f" `RequestsPerClient={PER_CLIENT}` |",
        "|---|---|---:|---:|",
    ]
    for each in attacks(scenario, stack, figures):
        whole, client = (
            each.usd_per_day(rate, prices) for rate in (each.most, min(one, each.most))
        )
        lines.append(f"| {each.what} | {each.limit} | {whole:,.0f} | {client:,.2f} |")
    return "\n".join(lines) + "\n"

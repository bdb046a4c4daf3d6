"""Computes from a scenario the load of each part of the stack, per second."""

import math
import operator
from collections.abc import Iterable
from typing import Final

import msgspec

from ops.cost.edge_caching import NO_CACHES, EdgeCaches
from ops.cost.figures import Figures
from ops.cost.scenario import DAY, Scenario
from ops.cost.stack_settings import Function, StackSettings
from ops.cost.view_counting import (
    READ_UNIT,
    SHARD_RECORDS,
    Rows,
    ViewCounting,
    Work,
    count_views,
    popularity,
    ranking_units,
)

PHOTOS_PER_SHARE: Final = 1_000_000
ROWS_OF_VIEWS: Final = 30
VIEWS_ROUTES: Final = ("POST /photos/{photo_id}/views", "GET /photos/{photo_id}/views")
MAX_SHARES: Final = 1000
SHARES_AT_ONCE: Final = 200
_WHOLE_CORE: Final = 1769  # megabytes of memory for one vCPU
_ON_DEMAND_LEAST: Final = 4  # shards of a new stream
EVENTUAL: Final = 0.5  # read units of a small item, read with eventual consistency
_LIST_ITEMS: Final = 31  # a page, and one more item that shows whether another page follows


class Load(msgspec.Struct, frozen=True):
    """Rates and units per second, seconds per invocation, and bytes stored.

    `requests` are those of viewers by route, and `fetches` the ones that reach the API.
    """

    uploads: float
    deletions: float
    views: float
    requests: dict[str, float]
    fetches: dict[str, float]
    gateway_requests: float  # of the fetches, those through API Gateway
    page_requests: float
    image_requests: float
    page_misses: float
    photo_page_misses: float
    image_misses: float
    bytes_out: float
    bytes_to_origin: float
    sign_ins: float
    changes: float
    replicator_batches: float
    counting: ViewCounting
    read_units: dict[str, float]
    write_units: dict[str, float]
    ranking_writes: float  # those of the views table's index, which are also in its write units
    ranking_bytes: float
    hottest_reads: float
    feed_reads: float
    feed_writes: float
    seconds: dict[str, float]
    invocations: dict[str, float]
    stored: dict[str, float]
    report_seconds: float  # until the report is there
    report_shares: int

    @property
    def api_requests(self) -> float:
        """Requests of all routes per second that reach the API."""
        return sum(self.fetches.values())

    @property
    def edge_runs(self) -> float:
        """Origin responses: all requests that CloudFront sends to a bucket."""
        return self.page_misses + self.photo_page_misses + self.image_misses

    @property
    def cdn_requests(self) -> float:
        """Requests of viewers per second."""
        return self.page_requests + self.image_requests + sum(self.requests.values())

    def concurrency(self, *functions: str) -> float:
        """Concurrent executions of these functions."""
        return sum(self.invocations[name] * self.seconds[name] for name in functions)


def shards_needed(scenario: Scenario, stack: StackSettings) -> int:
    """The shards that are billed: the template's, or more if the peak needs more."""
    peak = scenario.views_per_day / DAY * scenario.peak_factor
    if stack.on_demand_stream:
        return max(_ON_DEMAND_LEAST, math.ceil(2 * peak / SHARD_RECORDS))
    return max(stack.shards, math.ceil(peak / SHARD_RECORDS))


def polls_per_view(scenario: Scenario, figures: Figures) -> int:
    """How often a photo's page requests the view count while it is open.

    The answer to its view has the first count. The page requests the one with its own view, and
    then more after pauses that double.
    """
    quiet = scenario.seconds_on_photo - figures.seconds_until_first_poll
    if quiet < 0:
        return 0
    return 1 + math.floor(math.log2(1 + quiet / figures.seconds_between_polls))


def files_per_visit(files: float, scenario: Scenario) -> float:
    """Requests for a page's files: browsers keep all but the page itself."""
    return 1 + scenario.new_visitor_share * (files - 1)


def load_of(
    scenario: Scenario, stack: StackSettings, figures: Figures, *, shards: int, factor: float = 1
) -> Load:
    """The load in the average second, times `factor`, of a stack with this number of shards."""
    uploads = scenario.photos_per_day / DAY * factor
    deletions = uploads * scenario.deleted_share
    page_views = scenario.views_per_day / DAY * factor
    views = page_views + uploads  # the uploader's page sends a view too
    visits = scenario.visits_per_day / DAY * factor
    looks = page_views * polls_per_view(scenario, figures)
    lists = visits * scenario.lists_per_visit
    requests = {
        "POST /photos": uploads,
        "GET /photos": lists + uploads * figures.lists_per_upload,
        "GET /photos/{photo_id}": page_views + uploads * figures.polls_per_upload,
        "DELETE /photos/{photo_id}": deletions,
        "GET /me/photos": visits * scenario.signed_in_share * figures.own_lists_per_visit,
        "POST /photos/{photo_id}/views": views,
        "GET /photos/{photo_id}/views": looks + uploads * figures.polls_per_upload,
    }
    caches = _caches(stack, figures)
    photos = popularity(round(scenario.photos_viewed), scenario.popularity)
    looks_fetched = [caches.fetches(looks * share) for _, share in photos]
    # An uploader's requests are for a photo that is not cached yet.
    fetches = requests | {
        "GET /photos": uploads * figures.lists_per_upload
        + _fetched_lists(caches, min(lists, visits), max(0.0, lists - visits), figures),
        "GET /photos/{photo_id}": uploads * figures.polls_per_upload
        + _total(photos, (caches.fetches(page_views * share) for _, share in photos)),
        "GET /photos/{photo_id}/views": uploads * figures.polls_per_upload
        + _total(photos, looks_fetched),
    }
    api = sum(fetches.values())
    list_answers = requests["GET /photos"] + requests["GET /me/photos"]
    gallery_requests = visits * files_per_visit(figures.gallery_files, scenario)
    photo_page_requests = page_views * files_per_visit(figures.photo_page_files, scenario)
    image_requests = visits * scenario.tiles_per_visit + page_views
    photo_html_misses = page_views * (1 - scenario.photo_page_hit_share)
    seconds = {
        "ThumbnailerFunction": _thumbnailer_seconds(scenario, stack, figures),
        "GalleryApiFunction": api_seconds(
            stack,
            figures,
            upload_share=uploads / api if api else 0,
            view_share=views / api if api else 0,
        ),
    }
    counting = steady = _count(scenario, stack, figures, views, shards)
    if factor != 1:  # stored bytes are computed for the average
        steady = _count(scenario, stack, figures, views / factor, shards)
    ready = uploads * (1 - scenario.failed_share)
    changes = 2 * uploads + deletions
    change = invocation_seconds(
        stack.functions["CatalogReplicatorFunction"],
        figures.replicator_cpu_ms_per_change,
        figures.replicator_wait_ms_per_change,
    )
    batch = min(float(stack.changes.batch_size), 1 + changes * stack.changes.window_seconds)
    ranking_bytes = steady.totals * figures.ranking_entry_bytes if steady.batches else 0.0
    ranking_writes = _ranking_writes(uploads, deletions, views, photos, factor)
    tables = _stored(scenario, figures, steady, ranking_bytes)
    report_seconds = _report_seconds(scenario, stack, figures, steady)
    shares = _report_shares(scenario, steady)
    steps = max(1, math.ceil(report_seconds / shares / figures.report_step_seconds)) * shares
    seconds |= {
        "CatalogReplicatorFunction": change * batch,
        "ViewCounterFunction": counting.seconds_per_batch,
        "DailyReportFunction": max(1.0, report_seconds / steps),
    }
    environments = EdgeCaches(
        caches=max(1.0, api * seconds["GalleryApiFunction"]), seconds=figures.kept_totals_seconds
    )
    totals_read = [environments.fetches(page_views * share) for _, share in photos]
    list_units = list_read_units(figures)
    look_units = counting.read_units_per_look
    report = 1 / DAY * EVENTUAL / READ_UNIT
    return Load(
        uploads=uploads,
        deletions=deletions,
        views=views,
        requests=requests,
        fetches=fetches,
        gateway_requests=sum(
            rate
            for route, rate in fetches.items()
            if not (stack.views_through_url and route in VIEWS_ROUTES)
        ),
        page_requests=gallery_requests + photo_page_requests,
        image_requests=image_requests,
        page_misses=(gallery_requests + photo_page_requests - page_views)
        * (1 - scenario.page_hit_share),
        photo_page_misses=photo_html_misses,
        image_misses=image_requests * (1 - scenario.image_hit_share),
        bytes_out=(
            scenario.new_visitor_share
            * (visits * figures.gallery_bytes + page_views * figures.photo_page_bytes)
            + visits * scenario.tiles_per_visit * scenario.tile_bytes
            + page_views * scenario.large_bytes
            + list_answers * figures.list_answer_bytes
            + views * figures.view_answer_bytes
            + (sum(requests.values()) - list_answers - views) * figures.answer_bytes
        ),
        bytes_to_origin=api * figures.request_bytes,
        sign_ins=scenario.sign_ins_per_day / DAY * factor,
        changes=changes,
        replicator_batches=changes / batch,
        counting=counting,
        read_units={
            "PhotosTable": fetches["GET /photos/{photo_id}"]
            + fetches["GET /photos/{photo_id}/views"] * EVENTUAL
            + fetches["GET /me/photos"] * list_units
            + deletions  # by the thumbnailer, for the event of the removed original
            + uploads
            # The daily report reads the record of each original and of each rendition.
            + 2 * scenario.photos_stored * EVENTUAL / DAY
            + tables["PhotosTable"] * report,
            "CatalogTable": fetches["GET /photos"] * list_units
            + (views + photo_html_misses) * EVENTUAL
            + tables["CatalogTable"] * report,
            "ViewsTable": counting.read_units
            + _total(photos, map(operator.mul, looks_fetched, look_units))
            + _total(photos, map(operator.mul, totals_read, look_units))
            + uploads * (1 + figures.polls_per_upload) * look_units[-1]
            + deletions * steady.rows_per_photo * figures.view_minute_bytes / READ_UNIT
            + (tables["ViewsTable"] - ranking_bytes) * report,
            "IdempotencyTable": 0.0,
        },
        write_units={
            # With the index, each write costs two units: created, READY or FAILED, deleted.
            "PhotosTable": 2 * changes,
            "CatalogTable": 2 * (ready + deletions),
            "ViewsTable": counting.write_units + deletions * steady.rows_per_photo + ranking_writes,
            "IdempotencyTable": uploads * (1 + math.ceil(figures.idempotency_item_bytes / 1024))
            + steps / DAY,
        },
        ranking_writes=ranking_writes,
        ranking_bytes=ranking_bytes,
        hottest_reads=(looks_fetched[0] + totals_read[0]) * look_units[0],
        feed_reads=fetches["GET /photos"] * list_units,
        feed_writes=ready + deletions,
        seconds=seconds,
        invocations={
            "ThumbnailerFunction": uploads + deletions,
            "GalleryApiFunction": api,
            "CatalogReplicatorFunction": changes / batch,
            "ViewCounterFunction": counting.batches,
            "DailyReportFunction": steps / DAY,
        },
        stored=tables,
        report_seconds=report_seconds / min(shares, SHARES_AT_ONCE),
        report_shares=shares,
    )


def _caches(stack: StackSettings, figures: Figures) -> EdgeCaches:
    if not stack.at_the_edge:
        return NO_CACHES
    return EdgeCaches(figures.regional_caches, figures.public_read_seconds)


def _fetched_lists(caches: EdgeCaches, first: float, later: float, figures: Figures) -> float:
    """The pages of lists that are fetched: first ones, which have one address, and later ones.

    Visitors who got the same first page have the same cursor, and ask for its next page at some
    time within `seconds_between_pages`.
    """
    if not first:
        return 0.0
    pages = caches.fetches(first)
    visitors = later / pages
    rate = visitors / figures.seconds_between_pages
    return pages + pages * visitors / (1 + rate * caches.seconds)


def _total(photos: list[tuple[float, float]], of_each: Iterable[float]) -> float:
    """The sum over all photos of a value that each group of photos has per photo."""
    return sum(count * value for (count, _), value in zip(photos, of_each, strict=True))


def list_read_units(figures: Figures) -> float:
    """Read units of one page of a list."""
    return EVENTUAL * math.ceil(_LIST_ITEMS * figures.photo_item_bytes / READ_UNIT)


def invocation_seconds(function: Function, cpu_ms: float, wait_ms: float) -> float:
    """Seconds of an invocation; `cpu_ms` is the CPU time on one core."""
    return (cpu_ms * _slowdown(function) + wait_ms) / 1000


def _slowdown(function: Function) -> float:
    """How many times longer CPU work takes than on one core; a second core does not help."""
    return max(1.0, _WHOLE_CORE / function.memory)


def api_seconds(
    stack: StackSettings, figures: Figures, *, upload_share: float = 0, view_share: float = 0
) -> float:
    """Seconds of an average API request; the shares are those of `POST /photos` and of views."""
    others = 1 - upload_share - view_share
    cpu = (
        upload_share * figures.api_upload_cpu_ms
        + view_share * figures.api_view_cpu_ms
        + others * figures.api_cpu_ms
    )
    wait = view_share * figures.api_view_wait_ms + (1 - view_share) * figures.api_wait_ms
    return invocation_seconds(stack.functions["GalleryApiFunction"], cpu, wait)


def _thumbnailer_seconds(scenario: Scenario, stack: StackSettings, figures: Figures) -> float:
    """Seconds of an average invocation: for a removed original, those of a read by the API."""
    function = stack.functions["ThumbnailerFunction"]
    upload = invocation_seconds(function, figures.thumbnailer_cpu_ms, figures.thumbnailer_wait_ms)
    removal = invocation_seconds(function, figures.api_cpu_ms, figures.api_wait_ms)
    share = scenario.deleted_share / (1 + scenario.deleted_share)
    return upload + share * (removal - upload)


def _count(
    scenario: Scenario, stack: StackSettings, figures: Figures, views: float, shards: int
) -> ViewCounting:
    work = Work(
        cpu_per_record=figures.counter_cpu_us_per_record / 1e6,
        cpu_per_transaction=figures.counter_cpu_ms_per_transaction / 1000,
        wait_per_transaction=figures.counter_wait_ms_per_transaction / 1000,
        slowdown=_slowdown(stack.functions["ViewCounterFunction"]),
    )
    rows = Rows(
        total=round(figures.view_total_bytes),
        minute=round(figures.view_minute_bytes),
        receipt=round(figures.view_receipt_bytes),
    )
    shares = popularity(round(scenario.photos_viewed), scenario.popularity)
    return count_views(views, shares, shards=shards, reader=stack.views, work=work, rows=rows)


def _ranking_writes(
    uploads: float,
    deletions: float,
    views: float,
    photos: list[tuple[float, float]],
    factor: float,
) -> float:
    """Write units of the index `ranking` in a steady state.

    In it, as many photos reach each magnitude as are uploaded. Each gets `views / uploads` views.
    """
    if not uploads:
        return 0.0
    return uploads * ranking_units(views / factor, photos, views / uploads) + deletions


def _stored(
    scenario: Scenario, figures: Figures, counting: ViewCounting, ranking_bytes: float
) -> dict[str, float]:
    """Bytes of each table, including its indexes."""
    records = scenario.photos_stored * figures.photo_item_bytes
    return {
        "PhotosTable": 2 * records,
        "CatalogTable": 2 * records,
        "ViewsTable": counting.table_bytes + ranking_bytes if counting.batches else 0.0,
        "IdempotencyTable": 0.0,
    }


def _report_seconds(
    scenario: Scenario, stack: StackSettings, figures: Figures, counting: ViewCounting
) -> float:
    """The seconds of all steps of a daily report, in all shares together."""
    slowdown = _slowdown(stack.functions["DailyReportFunction"])
    photo = figures.report_cpu_ms_per_photo * slowdown + figures.report_wait_ms_per_photo
    row = figures.report_cpu_us_per_row * slowdown + figures.report_wait_us_per_row
    rows = counting.rows_per_photo * scenario.photos_viewed if counting.batches else 0.0
    return scenario.photos_stored * photo / 1e3 + rows * row / 1e6


def _report_shares(scenario: Scenario, counting: ViewCounting) -> int:
    """As `make_shares` of functions/daily_report/shares.py divides the tables."""
    rows = counting.rows_per_photo * scenario.photos_viewed if counting.batches else 0.0
    photos = max(scenario.photos_stored, rows / ROWS_OF_VIEWS)
    return max(1, min(MAX_SHARES, math.ceil(photos / PHOTOS_PER_SHARE)))

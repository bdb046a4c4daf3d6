"""A stack, figures and a scenario with round numbers, to compute with by hand."""

import msgspec

from ops.cost.figures import Figures, load_figures
from ops.cost.scenario import Scenario, load_scenario
from ops.cost.stack_settings import EventSourceSettings, Function, StackSettings

STACK = StackSettings(
    stage="prod",
    functions={
        "ThumbnailerFunction": Function(1769, "arm64", traced=True),
        "ViewCounterFunction": Function(512, "arm64", traced=True),
        "CatalogReplicatorFunction": Function(512, "arm64", traced=True),
        "GalleryApiFunction": Function(512, "arm64", traced=True),
        "DailyReportFunction": Function(512, "arm64", traced=True),
        "EdgeHeadersFunction": Function(128, "x86_64", traced=False),
    },
    provisioned_minimum=2,
    provisioned_maximum=2,
    reserved_thumbnailers=50,
    shards=1,
    on_demand_stream=False,
    views=EventSourceSettings(batch_size=1000, window_seconds=1, parallel_batches=2),
    changes=EventSourceSettings(batch_size=100, window_seconds=0, parallel_batches=1),
    throttles={
        "* /*": 100,
        "POST /photos": 10,
        "DELETE /photos/{photo_id}": 10,
        "GET /me/photos": 20,
        "POST /photos/{photo_id}/views": 500,
    },
    api_traced=True,
    traced_fraction=0.05,
    logged_fraction=1,
    logs_successful_runs=True,
    access_logs=False,
    log_days=90,
    alarm_metrics=5,
    composite_alarms=0,
    dashboards=0,
    secrets=0,
    backed_up_tables={"PhotosTable", "CatalogTable", "ViewsTable"},
    days_to_glacier=30,
    sign_in_plan="ESSENTIALS",
    at_the_edge=True,
    views_through_url=False,
)

# A photo every 100 seconds, a view every second, a visit of the gallery every ten. A million photos
# share the views equally, so no two views of a batch are of the same photo.
SCENARIO = msgspec.structs.replace(
    load_scenario("hobby"),
    photos_per_day=864,
    photos_stored=100_000,
    deleted_share=0,
    failed_share=0,
    original_bytes=4e6,
    renditions_bytes=3e5,
    large_bytes=2e5,
    tile_bytes=5e4,
    views_per_day=86_400,
    seconds_on_photo=10,
    photos_viewed=1_000_000,
    popularity=0,
    visits_per_day=8_640,
    lists_per_visit=1,
    tiles_per_visit=20,
    new_visitor_share=0.5,
    image_hit_share=0.9,
    page_hit_share=0.9,
    photo_page_hit_share=0.5,
    active_users=1_000,
    sign_ins_per_day=864,
    signed_in_share=0,
    notifications_per_month=0,
    cold_start_share=0,
    peak_factor=1,
)


def figures(**changes: float) -> Figures:
    """The figures of the sums by hand, independent of figures.toml."""
    values = {
        "thumbnailer_cpu_ms": 190,
        "thumbnailer_most_cpu_ms": 5500,
        "thumbnailer_wait_ms": 350,
        "api_cpu_ms": 3,
        "api_wait_ms": 8,
        "api_view_cpu_ms": 5,
        "api_view_wait_ms": 11,
        "api_upload_cpu_ms": 12,
        "counter_cpu_us_per_record": 8,
        "counter_cpu_ms_per_transaction": 2,
        "counter_wait_ms_per_transaction": 20,
        "replicator_cpu_ms_per_change": 2,
        "replicator_wait_ms_per_change": 5,
        "edge_ms": 2,
        "edge_photo_page_ms": 60,
        "cold_start_ms": 700,
        "photo_item_bytes": 700,
        "view_total_bytes": 174,
        "ranking_entry_bytes": 77,
        "view_minute_bytes": 105,
        "view_receipt_bytes": 48,
        "view_record_bytes": 129,
        "idempotency_item_bytes": 2500,
        "list_answer_bytes": 6000,
        "answer_bytes": 800,
        "view_answer_bytes": 3000,
        "request_bytes": 900,
        "log_bytes_per_invocation": 1400,
        "request_log_bytes": 900,
        "log_compression": 0.15,
        "access_log_bytes": 500,
        "public_read_seconds": 1,
        "kept_totals_seconds": 1,
        "regional_caches": 2,
        "seconds_between_pages": 10,
        "gallery_files": 17,
        "gallery_bytes": 30_000,
        "photo_page_files": 12,
        "photo_page_bytes": 18_000,
        "seconds_until_first_poll": 3.5,
        "seconds_between_polls": 20,
        "polls_per_upload": 6,
        "own_lists_per_visit": 2,
        "lists_per_upload": 2,
        "custom_metrics": 17,
        "daily_metrics": 8,
        "paths_per_deletion": 4,
        "seconds_per_invalidation": 60,
        "report_cpu_ms_per_photo": 1,
        "report_wait_ms_per_photo": 0.1,
        "report_cpu_us_per_row": 1,
        "report_wait_us_per_row": 2,
        "report_step_seconds": 35,
    } | changes
    return load_figures({name: str(value) for name, value in values.items()})


def small_gallery(**changes: float) -> Scenario:
    return msgspec.structs.replace(SCENARIO, **changes)


def stack(**changes: object) -> StackSettings:
    return msgspec.structs.replace(STACK, **changes)

"""The last step of the demo: it changes the catalog, and the daily report repairs it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from demo.deployed_gallery import DeployedGallery
from ops import daily_reports
from shared.catalog import catalog_row
from shared.dynamodb import from_item, to_item
from shared.photo_ids import new_photo_id
from shared.photos import Photo, Status
from shared.timestamps import iso_milliseconds

_DRAINED_SECONDS: Final = 60
_OTHERS: Final = (  # headlines of the report that must be 0
    "EventsResent",
    "UploadsAbandoned",
    "PhotosStuck",
    "OrphansRemoved",
    "OrphansLeft",
    "RecordsMalformed",
)

type Broken = dict[str, str]  # the photo's id, by kind of drift


def break_and_repair(deployed: DeployedGallery, console: Console) -> bool:
    """Make one row missing, one stale, one extra; True if the report repairs exactly those."""
    with console.status("breaking the catalog"):
        broken = _break(deployed)
        different = _differences(deployed)
    made = daily_reports.make_report(_reporting(deployed), console)
    with console.status("comparing"):
        left = _differences(deployed)
    table = Table(title="The catalog, broken on purpose and repaired", title_justify="left")
    table.add_column("kind")
    table.add_column("found", justify="right")
    table.add_column("broken")
    table.add_column("repaired")
    repaired = {kind: _found(made.report, kind) for kind in broken}
    for kind, photo_id in broken.items():
        same = repaired[kind] == [photo_id]
        color = "green" if same else "bold red"
        found = escape("\n".join(repaired[kind]) or "none")
        number = daily_reports.number(made.report, f"drift.{kind}")
        table.add_row(kind, str(number), photo_id, f"[{color}]{found}[/]")
    console.print(table)
    console.print(
        "[dim]These photos have the age of a day. A change that is younger than five minutes may"
        " still be in the stream, so the report does not count it as drift.[/]"
    )
    headlines = made.report["headlines"]
    others = [name for name in _OTHERS if headlines[name]]
    exactly = (
        made.is_new
        and different == set(broken.values())
        and repaired == {kind: [photo_id] for kind, photo_id in broken.items()}
        and headlines["Drift"] == len(broken)
        and not others
        and not left
    )
    mark = "[green]✓[/]" if exactly else "[bold red]✗[/]"
    console.print(
        f"{mark} The daily report found {headlines['Drift']} of {len(broken)} broken rows;"
        f" photos table and catalog {'differ' if left else 'are equal again'}."
    )
    for name in others:
        console.print(f"[bold red]✗[/] It also found, unexpectedly, {name} {headlines[name]}.")
    return exactly


def _reporting(deployed: DeployedGallery) -> daily_reports.ReportSource:
    return daily_reports.ReportSource(
        s3=deployed.cloud.client("s3"),
        stepfunctions=deployed.cloud.client("stepfunctions"),
        machine=deployed.outputs["DailyReportStateMachineArn"],
        bucket=deployed.outputs["ReportsBucketName"],
    )


def _break(deployed: DeployedGallery) -> Broken:
    """Replicate two photos; then delete one row, make one stale, and add one without a photo."""
    dynamodb = deployed.cloud.client("dynamodb")
    photos_table = deployed.outputs["PhotosTableName"]
    catalog_table = deployed.outputs["CatalogTableName"]
    missing, stale, extra = (_day_old_photo(title) for title in ("Missing", "Stale", "Extra"))
    for photo in (missing, stale):
        dynamodb.put_item(TableName=photos_table, Item=to_item(photo))
    deployed.event_sources.await_drained(_DRAINED_SECONDS)
    dynamodb.delete_item(TableName=catalog_table, Key=to_item({"photo_id": missing.photo_id}))
    older = msgspec.structs.replace(stale, version=stale.version - 1, title="An older title")
    for photo in (older, extra):
        row = catalog_row(photo, datetime.now(UTC)) or {}
        dynamodb.put_item(TableName=catalog_table, Item=to_item(row))
    return {"missing": missing.photo_id, "stale": stale.photo_id, "extra": extra.photo_id}


def _day_old_photo(title: str) -> Photo:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    then = iso_milliseconds(yesterday)
    return Photo(
        photo_id=new_photo_id(yesterday),
        version=3,
        status=Status.READY,
        owner="demo",
        title=title,
        content_type="image/jpeg",
        bytes=1,
        created_at=then,
        uploaded_at=then,
        ready_at=then,
    )


def _differences(deployed: DeployedGallery) -> set[str]:
    """The photos whose row differs from the expected one, from full scans of both tables."""
    now = datetime.now(UTC)
    photos = [from_item(item, Photo) for item in deployed.scan("PhotosTableName")]
    wanted = {photo.photo_id: _timeless(catalog_row(photo, now)) for photo in photos}
    rows = {
        row["photo_id"]: _timeless(row)
        for row in (from_item(item, dict[str, Any]) for item in deployed.scan("CatalogTableName"))
    }
    return {
        photo_id
        for photo_id in wanted.keys() | rows.keys()
        if wanted.get(photo_id) != rows.get(photo_id)
    }


def _timeless(row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A row without the time of its replication."""
    return {name: row[name] for name in row if name != "replicated_at"} if row else None


def _found(made: daily_reports.Report, kind: str) -> list[str]:
    return list(made["examples"].get(f"drift.{kind}", []))

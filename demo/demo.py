"""`make demo`: sends photos and views through the application and prints the results as tables."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from demo.client import Gallery
from demo.deployed_gallery import DeployedGallery
from demo.drift import break_and_repair
from demo.samples import Sample, samples
from demo.view_traffic import deliver_again, send_views
from localcloud.cloud import Cloud
from shared.view_rows import TOTALS

VIEWS: Final = 3_000
_DRAINED_SECONDS: Final = 60

type Photo = dict[str, Any]


def demo(deployed: DeployedGallery, console: Console) -> bool:
    """Send photos and views through every function; True if all results are as expected."""
    with Gallery(deployed.url, deployed.id_token) as gallery:
        return Demo(deployed, console, gallery).run()


class Demo(msgspec.Struct, frozen=True):
    """One run against one laptop cloud."""

    deployed: DeployedGallery
    console: Console
    gallery: Gallery

    def run(self) -> bool:
        photos, good = self._thumbnails()
        self.deployed.event_sources.await_drained(_DRAINED_SECONDS)
        good &= self._replication(photos)
        good &= self._views(photos)
        good &= break_and_repair(self.deployed, self.console)
        return good

    def _thumbnails(self) -> tuple[list[Photo], bool]:
        """Upload every sample, wait for its final status, and fetch its renditions."""
        table = Table(title="Photos: uploads and renditions", title_justify="left")
        table.add_column("photo")
        for name in ("input", "thumb", "small", "large", "upload to READY"):
            table.add_column(name, justify="right")
        good = True
        photos, reasons = [], []
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=self.console,
            transient=True,
        ) as progress:
            task = progress.add_task("making the photos")
            files = samples()
            progress.update(task, total=len(files))
            for sample in files:
                progress.update(task, description=sample.title)
                photo = _send(self.gallery, sample)
                sizes = _fetch_renditions(self.gallery, photo)
                good &= photo["status"] == sample.status and sizes == _stated_sizes(photo)
                table.add_row(*_row(sample, photo, sizes))
                photos.append(photo)
                if photo["status"] != "READY":
                    reasons.append(f"{sample.title}: {photo['error']}")
                progress.advance(task)
        self.console.print(table)
        for reason in reasons:
            self.console.print(f"[yellow]![/] {escape(reason)}")
        return photos, good

    def _replication(self, photos: list[Photo]) -> bool:
        """Whether the catalog lists exactly the READY photos, unchanged."""
        ready = {photo["photo_id"]: photo for photo in photos if photo["status"] == "READY"}
        listed = {photo["photo_id"]: photo for photo in self.gallery.photos()}
        equal = ready == {
            photo_id: photo | {"replicated_at": None} for photo_id, photo in listed.items()
        }
        lags = [
            _milliseconds(row["ready_at"]["S"], row["replicated_at"]["S"])
            for row in self.deployed.scan("CatalogTableName")
        ]
        self.console.print(
            f"{_mark(equal)} Photos table and catalog are {'equal' if equal else 'not equal'}:"
            f" {len(ready)} photos, replicated within {max(lags, default=0)} ms."
        )
        return equal

    def _views(self, photos: list[Photo]) -> bool:
        """Whether records delivered twice are counted once, and poison is quarantined."""
        titles = {
            photo["photo_id"]: photo["title"] for photo in photos if photo["status"] == "READY"
        }
        with self.console.status(f"{VIEWS} views") as status:
            sent = send_views(
                self.deployed.cloud, self.deployed.outputs, self.gallery, list(titles), VIEWS
            )
            status.update("counting")
            self.deployed.event_sources.await_drained(_DRAINED_SECONDS)
            counted = {photo_id: self.gallery.views(photo_id)["total"] for photo_id in titles}
            status.update("delivering all records again")
            again = deliver_again(self.deployed.cloud, self.deployed.outputs)
            # From the table: CloudFront may still have the counts from before.
            after = dict.fromkeys(titles, 0)
            for item in self.deployed.scan("ViewsTableName"):
                if item["period"]["S"] in TOTALS:
                    photo_id, views = item["photo_id"]["S"], int(item["views"]["N"])
                    after[photo_id] = after.get(photo_id, 0) + views
        poison = _count_objects(
            self.deployed.cloud, self.deployed.outputs, "quarantine/view_counter/"
        )
        failed = _count_objects(self.deployed.cloud, self.deployed.outputs, "aws/lambda/")
        table = Table(title="Views: sent, and counted", title_justify="left")
        table.add_column("photo")
        for name in ("sent", "counted", "after a second delivery"):
            table.add_column(name, justify="right")
        for photo_id, title in titles.items():
            numbers = (sent.views[photo_id], counted[photo_id], after[photo_id])
            table.add_row(title, *(f"{number:,}" for number in numbers))
        numbers = (sum(sent.views.values()), sum(counted.values()), sum(after.values()))
        table.add_row("all", *(f"{number:,}" for number in numbers), style="bold")
        self.console.print(table)
        good = counted == after == sent.views and poison == sent.poison and failed == 0
        self.console.print(
            f"{_mark(good)} {again:,} records were delivered twice:"
            f" {poison} of {sent.poison} poison records are in quarantine, {failed} batches failed."
        )
        return good


def _send(gallery: Gallery, sample: Sample) -> Photo:
    created = gallery.create_photo(sample.title, sample.content_type, len(sample.data))
    gallery.upload(created["upload"], sample.data)
    return gallery.settled(created["photo"]["photo_id"])


def _fetch_renditions(gallery: Gallery, photo: Photo) -> dict[str, int]:
    """Sizes as CloudFront delivers them."""
    return {
        name: len(gallery.fetch(rendition["path"]).content)
        for name, rendition in photo["renditions"].items()
    }


def _stated_sizes(photo: Photo) -> dict[str, int]:
    return {name: rendition["bytes"] for name, rendition in photo["renditions"].items()}


def _row(sample: Sample, photo: Photo, sizes: dict[str, int]) -> list[str]:
    row = [sample.title, _kilobytes(len(sample.data))]
    if photo["status"] != "READY":
        color = "yellow" if photo["status"] == sample.status else "bold red"
        return [*row, "", "", "", f"[{color}]{photo['status']}[/]"]
    for name in ("thumb", "small", "large"):
        rendition = photo["renditions"][name]
        size = f"{rendition['width']} × {rendition['height']}"  # noqa: RUF001 - a dimension
        row.append(f"{size}\n[dim]{_kilobytes(sizes[name])}[/]")
    return [*row, f"[green]{_milliseconds(photo['uploaded_at'], photo['ready_at'])} ms[/]"]


def _count_objects(cloud: Cloud, stack: Mapping[str, str], prefix: str) -> int:
    pages = (
        cloud.client("s3")
        .get_paginator("list_objects_v2")
        .paginate(Bucket=stack["FailedBatchesBucketName"], Prefix=prefix)
    )
    return sum(len(page.get("Contents", [])) for page in pages)


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.1f} kB"


def _milliseconds(start: str, end: str) -> int:
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    return round(seconds * 1000)


def _mark(good: object) -> str:
    return "[green]✓[/]" if good else "[bold red]✗[/]"

"""`make demo`: photos through the whole application, and a table of what became of each."""

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from local.cloud import Cloud
from local.gallery import Gallery
from local.samples import Sample, samples


def demo(cloud: Cloud, stack: dict[str, str], console: Console) -> bool:
    """Upload every sample, await what becomes of it, fetch its renditions; True if all is well."""
    table = Table(title="What went in, and what came out", title_justify="left")
    table.add_column("photo")
    for name in ("input", "thumb", "small", "large"):
        table.add_column(name, justify="right")
    table.add_column("upload to READY", justify="right")
    good = True
    reasons = []
    with (
        Gallery(f"{cloud.endpoint}/api", api_host(cloud, stack)) as gallery,
        Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            transient=True,
        ) as progress,
    ):
        task = progress.add_task("making the photos")
        files = samples()
        progress.update(task, total=len(files))
        for sample in files:
            progress.update(task, description=sample.title)
            photo = _send(gallery, sample)
            sizes = _fetch_renditions(cloud, stack, photo)
            table.add_row(*_row(sample, photo, sizes))
            if photo["status"] != "READY":
                reasons.append(f"{sample.title}: {photo['error']}")
            good = good and photo["status"] == sample.status and sizes == _stated_sizes(photo)
            progress.advance(task)
    console.print(table)
    for reason in reasons:
        console.print(f"[yellow]![/] {escape(reason)}")
    return good


def api_host(cloud: Cloud, stack: dict[str, str]) -> str:
    """The name by which ministack knows the API; it has no address of its own."""
    return f"{stack['ApiId']}.execute-api.localhost:{cloud.port}"


def _send(gallery: Gallery, sample: Sample) -> dict[str, Any]:
    created = gallery.create_photo(sample.title, sample.content_type, len(sample.data))
    gallery.upload(created["upload"], sample.data)
    return gallery.taken(created["photo"]["photo_id"])


def _fetch_renditions(cloud: Cloud, stack: dict[str, str], photo: dict[str, Any]) -> dict[str, int]:
    s3 = cloud.client("s3")
    bucket = stack["MediaBucketName"]
    fetched = {}
    for name, rendition in photo.get("renditions", {}).items():
        body = s3.get_object(Bucket=bucket, Key=rendition["path"].removeprefix("/"))["Body"]
        fetched[name] = len(body.read())
    return fetched


def _stated_sizes(photo: dict[str, Any]) -> dict[str, int]:
    return {name: rendition["bytes"] for name, rendition in photo.get("renditions", {}).items()}


def _row(sample: Sample, photo: dict[str, Any], sizes: dict[str, int]) -> list[str]:
    row = [sample.title, _kilobytes(len(sample.data))]
    if photo["status"] != "READY":
        color = "yellow" if photo["status"] == sample.status else "bold red"
        return [*row, "", "", "", f"[{color}]{photo['status']}[/]"]
    for name in ("thumb", "small", "large"):
        rendition = photo["renditions"][name]
        size = f"{rendition['width']} × {rendition['height']}"  # noqa: RUF001 - a dimension
        row.append(f"{size}\n[dim]{_kilobytes(sizes[name])}[/]")
    return [*row, f"[green]{_milliseconds(photo)} ms[/]"]


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.1f} kB"


def _milliseconds(photo: dict[str, Any]) -> int:
    ready = datetime.fromisoformat(photo["ready_at"])
    uploaded = datetime.fromisoformat(photo["uploaded_at"])
    return round((ready - uploaded).total_seconds() * 1000)

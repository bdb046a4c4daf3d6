"""`python -m ops.publish_site`: uploads the page and its configuration into a stack's site bucket.

All files but HTML are in a folder that is named by a hash (ops/page_files.py), so that browsers
keep them and never ask again. HTML files are uploaded last, so that none refers to a file that is
not there yet. Publishing is idempotent.
"""

import sys
import uuid
from collections.abc import Mapping, Set
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from ops.arguments import stack_parser
from ops.console import command_console
from ops.deployed_stack import DeployedStack, StackError
from ops.page_files import ASSETS, page_files
from ops.script_bundle import BundleError

WEB: Final = Path(__file__).parents[1] / "web"
CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".svg": "image/svg+xml",
}
# How long the folder of an earlier release stays, for pages that are open.
KEPT: Final = timedelta(days=7)


class PublishingError(Exception):
    """The page cannot be published; the message says why and what to do."""


class Site(msgspec.Struct, frozen=True):
    """Where the page is published: the clients, and the stack's outputs.

    `demo_user` and `demo_password` are public: the sign-in dialog shows them to everyone.
    """

    s3: Any
    cloudfront: Any
    outputs: Mapping[str, str]
    demo_user: str = ""
    demo_password: str = ""


def open_site(name: str) -> Site:
    """The site of the deployed stack of that name.

    Raises:
        StackError: the stack does not exist.
    """
    stack = DeployedStack(name)
    return Site(stack.session.client("s3"), stack.session.client("cloudfront"), stack.outputs)


def files(site: Site) -> dict[str, bytes]:
    """The files of the site bucket by key, in the order of their upload.

    Raises:
        PublishingError: web/ has something that cannot be published.
    """
    found = {
        path.relative_to(WEB).as_posix(): path.read_bytes()
        for path in sorted(WEB.rglob("*"))
        if path.is_file()
    }
    for key in found:
        if Path(key).suffix not in CONTENT_TYPES:
            raise PublishingError(
                f"web/{key} has an unknown content type: add its extension to CONTENT_TYPES in"
                " ops/publish_site.py."
            )
    configuration = {
        "sign_in_url": site.outputs["SignInUrl"],
        "stage": site.outputs["Stage"],
        "user_pool_client_id": site.outputs["UserPoolClientId"],
    }
    if site.demo_user:
        configuration |= {"demo_user": site.demo_user, "demo_password": site.demo_password}
    try:
        return page_files(found, configuration)
    except BundleError as error:
        raise PublishingError(f"{error} Nothing was published.") from error


def unneeded(stored: Mapping[str, datetime], wanted: Set[str]) -> set[str]:
    """Which of the stored keys are deleted, by the times of their last upload.

    The folder of an earlier release stays until another one has been there for `KEPT`.
    """
    published: dict[str, datetime] = {}
    for key, time in stored.items():
        if folder := _folder(key):
            published[folder] = max(time, published.get(folder, time))
    newest = max(stored.values())
    old = {
        folder
        for folder, successor in pairwise(sorted(published, key=published.__getitem__))
        if newest - published[successor] > KEPT
    }
    return {key for key in stored.keys() - wanted if _folder(key) in {None, *old}}


def _folder(key: str) -> str | None:
    return key.split("/")[1] if key.startswith(ASSETS) else None


def publish(site: Site, console: Console | None = None) -> int:
    """Upload all files, delete those of old releases, and invalidate all paths.

    Returns:
        The number of files.

    Raises:
        PublishingError: the stack has no page, or web/ has a file of an unknown type.
    """
    if site.outputs["DistributionId"] == "none":
        raise PublishingError(f"This stack has no page: {site.outputs['GalleryUrl']}.")
    wanted = files(site)
    bucket = site.outputs["SiteBucketName"]
    progress = track(
        wanted.items(), total=len(wanted), console=console, transient=True, disable=not console
    )
    for key, body in progress:
        site.s3.put_object(
            Bucket=bucket, Key=key, Body=body, ContentType=CONTENT_TYPES[Path(key).suffix]
        )
    pages = site.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    stored = {each["Key"]: each["LastModified"] for page in pages for each in page["Contents"]}
    for key in sorted(unneeded(stored, wanted.keys())):
        site.s3.delete_object(Bucket=bucket, Key=key)
    # Photos too: copies from before an upgrade may lack the cache tag by which a deletion removes
    # them.
    site.cloudfront.create_invalidation(
        DistributionId=site.outputs["DistributionId"],
        InvalidationBatch={
            "CallerReference": str(uuid.uuid4()),
            "Paths": {"Quantity": 1, "Items": ["/*"]},
        },
    )
    return len(wanted)


def main() -> int:
    """Return 0 only if the page is published."""
    parser = stack_parser("make publish", __doc__)
    options = parser.parse_args()
    console = command_console()
    try:
        site = open_site(options.stack)
        count = publish(site, console)
    except (PublishingError, StackError, BotoCoreError, ClientError) as error:
        console.print(f"[bold red]✗[/] {escape(str(error))}")
        return 1
    console.print(f"[green]✓[/] {count} files published: {site.outputs['GalleryUrl']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

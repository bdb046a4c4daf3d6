"""`python -m ops.publish_site`: uploads the page and its configuration into a stack's site bucket.

HTML files are uploaded last, so that none refers to a file that is not there yet. Publishing is
idempotent.
"""

import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.progress import track

from ops.arguments import stack_parser
from ops.deployed_stack import DeployedStack, StackError

WEB: Final = Path(__file__).parents[1] / "web"
CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


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
        PublishingError: web/ has a file of an unknown type.
    """
    found = {
        path.relative_to(WEB).as_posix(): path.read_bytes()
        for path in WEB.rglob("*")
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
    found["config.json"] = json.dumps(configuration, indent=2).encode()
    return dict(sorted(found.items(), key=lambda each: (each[0].endswith(".html"), each[0])))


def publish(site: Site, console: Console | None = None) -> int:
    """Upload all files, delete all other objects in the bucket, and invalidate all paths.

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
    for stored in [each["Key"] for page in pages for each in page.get("Contents", [])]:
        if stored not in wanted:
            site.s3.delete_object(Bucket=bucket, Key=stored)
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
    console = Console(highlight=False)
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

"""A photo's journey, as its owner and a stranger see it: on the laptop, or through `--stack NAME`.

A deployed stack is left as it was found: the user lives as long as these tests, and the photo is
deleted wherever its journey ended.
"""

import contextlib
import io
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import boto3
import httpx
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image

from demo.application import STACK
from demo.client import Gallery, GalleryError
from demo.samples import landscape
from ops.stacks import OperationError, open_account, read_stage
from shared.security_headers import api_headers, file_headers, page_headers
from tests.e2e.assumptions import Deployed, check_all, report
from tests.support.waiting import awaited

SECONDS = 90  # for cold starts, and for what the streams take; warm, a second or two


class Target(NamedTuple):
    """The API for a signed-in user and for a visitor, and the media bucket."""

    owner: Gallery
    stranger: Gallery
    client: Callable[[str], Any]
    stack: str
    outputs: Mapping[str, str]

    @property
    def has_page(self) -> bool:
        return self.outputs["DistributionId"] != "none"

    def rendition(self, path: str) -> bytes:
        """As CloudFront serves it to a visitor; without CloudFront, as the bucket has it."""
        if not self.has_page:
            key = path.removeprefix("/")
            bucket = self.outputs["MediaBucketName"]
            found = self.client("s3").get_object(Bucket=bucket, Key=key)
            return bytes(found["Body"].read())
        answer = self.stranger.fetch(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["cache-control"].endswith("immutable")
        assert lacking(answer, file_headers()) == {}
        return answer.content


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    if name := request.config.getoption("--stack"):
        with deployed(name, request.config.getoption("--url")) as target:
            yield target
        return
    request.getfixturevalue("event_sources")
    cloud, stack = request.getfixturevalue("cloud"), request.getfixturevalue("stack")
    with Gallery(request.getfixturevalue("url")) as stranger:
        owner = request.getfixturevalue("gallery")
        yield Target(owner, stranger, cloud.client, STACK, stack)


@contextlib.contextmanager
def deployed(name: str, url: str | None) -> Iterator[Target]:
    """The stack that the environment's credentials lead to; its user ends with the block."""
    try:
        cloudformation = boto3.Session().client("cloudformation")
        [described] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in described["Outputs"]}
        account = open_account(read_stage(outputs["Stage"]), None)
    except (BotoCoreError, ClientError, OperationError) as error:
        pytest.exit(f"Stack {name} cannot be tried: {error}", returncode=1)
    page = outputs["GalleryUrl"] if outputs["DistributionId"] != "none" else None
    url = url or page or outputs["ApiUrl"].removesuffix("/api")
    with (
        signed_in(account.client("cognito-idp"), outputs) as id_token,
        Gallery(url.rstrip("/"), id_token) as owner,
        Gallery(url.rstrip("/")) as stranger,
    ):
        yield Target(owner, stranger, account.client, name, outputs)


@contextlib.contextmanager
def signed_in(cognito: Any, outputs: Mapping[str, str]) -> Iterator[str]:
    """The ID token of a new user, who is deleted after the block."""
    user = {
        "UserPoolId": outputs["UserPoolId"],
        "Username": f"journey-{secrets.token_hex(8)}@example.com",
    }
    password = secrets.token_urlsafe(32)
    verified = [
        {"Name": "email", "Value": user["Username"]},
        {"Name": "email_verified", "Value": "true"},
    ]
    cognito.admin_create_user(**user, MessageAction="SUPPRESS", UserAttributes=verified)
    try:
        cognito.admin_set_user_password(**user, Password=password, Permanent=True)
        answer = cognito.initiate_auth(
            ClientId=outputs["UserPoolClientId"],
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user["Username"], "PASSWORD": password},
        )
        yield str(answer["AuthenticationResult"]["IdToken"])
    finally:
        cognito.admin_delete_user(**user)


def lacking(answer: httpx.Response, policy: Mapping[str, str]) -> dict[str, str | None]:
    """Each header of the policy that the answer lacks, with the answer's own value."""
    found = {name: answer.headers.get(name) for name in policy}
    return {name: found[name] for name, text in policy.items() if found[name] != text}


def newest(gallery: Gallery) -> set[str]:
    """The first page of the public list, which has the newest photos."""
    answer = gallery.request("GET", "/photos", params={"limit": "100"})
    assert answer.status_code == 200, answer.text
    return {photo["photo_id"] for photo in answer.json()["photos"]}


def delete(gallery: Gallery, photo_id: str) -> bool:
    """Whether it is complete: an unfinished deletion answers 503, and a repeated one continues."""
    with contextlib.suppress(GalleryError):
        gallery.delete_photo(photo_id)
        return True
    return False


@contextlib.contextmanager
def uploaded(target: Target) -> Iterator[dict[str, Any]]:
    """A READY photo, which is deleted after the block, also if a test has failed."""
    file = io.BytesIO()
    landscape(1600, 1200).save(file, "JPEG", quality=90)
    created = target.owner.create_photo("A journey's end", "image/jpeg", file.tell())
    photo_id = created["photo"]["photo_id"]
    try:
        target.owner.upload(created["upload"], file.getvalue())
        yield target.stranger.settled(photo_id, SECONDS)
    finally:
        awaited(lambda: delete(target.owner, photo_id))


def test_photo_from_upload_to_deletion(target: Target):
    stranger = target.stranger
    with uploaded(target) as photo:
        photo_id = photo["photo_id"]
        assert (photo["status"], photo["width"], photo["height"]) == ("READY", 1600, 1200)
        assert set(photo["renditions"]) == {"thumb", "small", "large"}
        for rendition in photo["renditions"].values():
            with Image.open(io.BytesIO(target.rendition(rendition["path"]))) as image:
                image.load()
                assert image.format == "WEBP"
                assert image.size == (rendition["width"], rendition["height"])

        awaited(lambda: photo_id in newest(stranger), SECONDS)
        stranger.record_view(photo_id)
        awaited(lambda: stranger.views(photo_id)["total"] >= 1, SECONDS)
    for path in (f"/photos/{photo_id}", f"/photos/{photo_id}/views"):
        awaited(lambda path=path: stranger.request("GET", path).status_code == 404, SECONDS)
    awaited(lambda: photo_id not in newest(stranger), SECONDS)


def test_undocumented_behavior_is_as_assumed(
    target: Target, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
):
    with uploaded(target) as photo:
        awaited(lambda: photo["photo_id"] in newest(target.stranger), SECONDS)
        deployed = Deployed(
            target.client,
            target.stack,
            target.outputs,
            target.owner,
            target.stranger,
            photo["photo_id"],
        )
        on_laptop = not request.config.getoption("--stack")
        results = check_all(deployed, on_laptop=on_laptop)
    with capsys.disabled():
        print(f"\n\n{report(target.stack, results)}\n")
    differing = [each.row for each in results if each.verdict == "DIFFERS"]
    assert not differing, "docs/aws-unproven.md says what to do; the report above is for an issue"
    if on_laptop:
        assert [each for each in results if each.verdict != "as assumed"] == []


def test_page_comes_with_its_policy(target: Target):
    if not target.has_page:
        pytest.skip("the stack has no distribution, which belongs to us-east-1")
    page = target.stranger.fetch("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    # What the page may connect to is the stack's own; headers of every path: test_headers.py.
    contents = page.headers["content-security-policy"]
    assert contents.startswith("default-src 'none'; script-src 'self';")
    assert lacking(page, page_headers() | {"Content-Security-Policy": contents}) == {}
    scripts = re.findall(r'<script[^>]* src="([^"]+)"', page.text)
    assert scripts
    for path in scripts:
        assert target.stranger.fetch(path).status_code == 200, path


def test_bad_body_is_a_problem(target: Target):
    answer = target.owner.request("POST", "/photos", json={"title": ""})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert (answer.json()["status"], answer.json()["type"]) == (400, "about:blank")


def test_answers_of_the_api_carry_its_policy(target: Target):
    answer = target.stranger.request("GET", "/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert lacking(answer, api_headers() | {"Cache-Control": "no-store"}) == {}


def test_api_refuses_requests_that_bypass_cloudfront(target: Target):
    if not target.has_page:
        pytest.skip("the stack has no distribution, so everybody may call its API")
    for headers in ({}, {"Referer": str(target.stranger.fetch("/").url)}):
        assert httpx.get(f"{target.outputs['ApiUrl']}/health", headers=headers).status_code == 403


def test_stranger_may_not_upload(target: Target):
    assert target.stranger.request("POST", "/photos", json={}).status_code == 401

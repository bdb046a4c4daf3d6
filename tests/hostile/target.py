"""The running application under attack: its addresses, users, tokens and photos."""

import contextlib
import io
import json
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from PIL import Image

from demo.client import Gallery
from demo.sign_in import make_user, sign_in
from localcloud.cloud import Cloud
from shared.photo_ids import new_photo_id
from shared.photos import upload_key
from shared.timestamps import iso_milliseconds
from tests.hostile import raw_http
from tests.hostile.raw_http import Address, Answer, Headers
from tests.hostile.tokens import decoded

SECRET: Final = b"an original that no viewer may read"
_PASSWORD: Final = "Hostile 1 user!"
_WAIT_SECONDS: Final = 60
_SETTLE_SECONDS: Final = 15


@dataclass(frozen=True)
class Target:
    """What the cases attack. `photo_id` is a READY photo of the laptop's user; it is listed."""

    cloud: Cloud
    outputs: Mapping[str, str]
    edge: Address
    api: Address
    tokens: Mapping[str, str]
    public_key: Mapping[str, str]
    photo_id: str
    etag: str
    began: str

    def ask(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes | None = None,
        token: str | None = None,
    ) -> Answer:
        """Send a request to CloudFront; `token` is the name of one, or the token itself."""
        given = list(headers)
        if token is not None:
            given.append(("Authorization", self.tokens.get(token, token)))
        return raw_http.ask(self.edge, method, self.filled_in(path), given, body)

    def ask_s3(self, method: str, path: str, headers: Headers = (), body: bytes = b"") -> Answer:
        """Send a request to S3 itself, without any credentials of this project."""
        return raw_http.ask(self.api, method, self.filled_in(path), headers, body)

    def filled_in(self, path: str) -> str:
        """A path with the values of this run in place of `{…}`."""
        known = {
            "photo_id": self.photo_id,
            "etag": self.etag,
            "uploads": self.outputs["UploadsBucketName"],
            "media": self.outputs["MediaBucketName"],
        }
        for name, value in known.items():
            path = path.replace(f"{{{name}}}", value)
        return path

    def create(self, title: str = "Hostile", size: int = 1000, **fields: Any) -> dict[str, Any]:
        """A new photo of the laptop's user, with the signed request of its upload."""
        body = {"title": title, "content_type": "image/png", "bytes": size, **fields}
        answer = self.ask("POST", "/api/photos", (), json.dumps(body).encode(), "owner")
        if answer.status != 201:
            raise AssertionError(f"POST /photos: {answer.status} {answer.body!r}")
        return dict(json.loads(answer.body))

    def remove_photos(self) -> None:
        """Delete every photo of the laptop's user that the attack has made."""
        while True:
            answer = self.ask("GET", "/api/me/photos?limit=100", token="owner")
            made = [
                photo["photo_id"]
                for photo in json.loads(answer.body)["photos"]
                if photo["created_at"] >= self.began
            ]
            for photo_id in made:
                self.ask("DELETE", f"/api/photos/{photo_id}", token="owner")
            if not made:
                return

    def status(self, photo_id: str) -> str:
        """The status of a photo; MISSING if there is none."""
        answer = self.ask("GET", f"/api/photos/{photo_id}")
        return str(json.loads(answer.body)["status"]) if answer.status == 200 else "MISSING"

    def settled(self, photo_id: str) -> dict[str, Any]:
        """The photo once it is no longer PENDING."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            answer = self.ask("GET", f"/api/photos/{photo_id}")
            photo = json.loads(answer.body)
            if photo.get("status") != "PENDING":
                return dict(photo)
            time.sleep(0.1)
        raise TimeoutError(f"photo {photo_id} is PENDING after {_WAIT_SECONDS} s")

    def await_listed(self, photo_ids: list[str]) -> None:
        """Return once the public list has all of these photos among its newest."""
        deadline = time.monotonic() + _WAIT_SECONDS
        missing = set(photo_ids)
        while missing:
            if time.monotonic() > deadline:
                raise TimeoutError(f"photos are not listed after {_WAIT_SECONDS} s: {missing}")
            answer = self.ask("GET", "/api/photos?limit=100")
            missing -= {photo["photo_id"] for photo in json.loads(answer.body)["photos"]}
            time.sleep(0.1)

    def original(self, photo_id: str, files: Mapping[str, bytes], wanted: str) -> str:
        """The name of the file in the uploads bucket, once it is `wanted` or the wait is over."""
        s3 = self.cloud.client("s3")
        place = {"Bucket": self.outputs["UploadsBucketName"], "Key": upload_key(photo_id)}
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            try:
                stored = s3.get_object(**place)["Body"].read()
                found = next((name for name, data in files.items() if data == stored), "another")
            except s3.exceptions.NoSuchKey:
                found = "nothing"
            if found == wanted or time.monotonic() > deadline:
                return found
            time.sleep(0.2)


def unknown_photo_id() -> str:
    """A valid photo id that no photo has."""
    return new_photo_id(datetime.now(UTC))


def small_photo() -> bytes:
    """A PNG with random pixels, so that no other photo has its ETag."""
    file = io.BytesIO()
    Image.frombytes("RGB", (24, 16), secrets.token_bytes(24 * 16 * 3)).save(file, "PNG")
    return file.getvalue()


@contextlib.contextmanager
def prepared(cloud: Cloud, outputs: Mapping[str, str], edge: Address) -> Iterator[Target]:
    """Make users, tokens and photos in the running application; most is removed at the end."""
    with contextlib.ExitStack() as cleanup:
        make_user(cloud, outputs)
        own = sign_in(cloud, outputs)
        tokens = {
            "owner": own["IdToken"],
            "owner's access token": own["AccessToken"],
            "owner's refresh token": own["RefreshToken"],
            "stranger": _stranger(cloud, outputs, cleanup),
            "other pool": _other_pool(cloud, cleanup),
            "expired": _expired(cloud, outputs, cleanup),
        }
        began = iso_milliseconds(datetime.now(UTC))
        gallery = cleanup.enter_context(Gallery(f"http://{edge.host}:{edge.port}", own["IdToken"]))
        photo = _ready_photo(gallery)
        s3 = cloud.client("s3")
        place = {"Bucket": outputs["UploadsBucketName"], "Key": "secret"}
        s3.put_object(**place, Body=SECRET)
        cleanup.callback(s3.delete_object, **place)
        target = Target(
            cloud=cloud,
            outputs=outputs,
            edge=edge,
            api=Address(edge.host, cloud.port),
            tokens=tokens,
            began=began,
            public_key=_public_key(cloud, outputs, own["IdToken"]),
            photo_id=photo["photo_id"],
            etag=photo["renditions"]["thumb"]["path"].split("/")[3],
        )
        cleanup.callback(target.remove_photos)
        target.await_listed([target.photo_id])
        yield target


def _ready_photo(gallery: Gallery) -> dict[str, Any]:
    data = small_photo()
    created = gallery.create_photo("Under attack", "image/png", len(data))
    gallery.upload(created["upload"], data)
    return gallery.settled(created["photo"]["photo_id"])


def _stranger(cloud: Cloud, outputs: Mapping[str, str], cleanup: contextlib.ExitStack) -> str:
    return _user(cloud, outputs["UserPoolId"], outputs["UserPoolClientId"], cleanup)["IdToken"]


def _other_pool(cloud: Cloud, cleanup: contextlib.ExitStack) -> str:
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="hostile")["UserPool"]["Id"]
    cleanup.callback(cognito.delete_user_pool, UserPoolId=pool)
    client = _client(cognito, pool)
    return _user(cloud, pool, client, cleanup)["IdToken"]


def _expired(cloud: Cloud, outputs: Mapping[str, str], cleanup: contextlib.ExitStack) -> str:
    """A token of the right pool with a valid signature that has expired."""
    cognito, pool = cloud.client("cognito-idp"), outputs["UserPoolId"]
    units = {"IdToken": "seconds"}
    client = _client(cognito, pool, IdTokenValidity=1, TokenValidityUnits=units)
    cleanup.callback(cognito.delete_user_pool_client, UserPoolId=pool, ClientId=client)
    token = _user(cloud, pool, client, cleanup)["IdToken"]
    left = decoded(token)[1]["exp"] - time.time()
    if left > 30:
        raise AssertionError(
            f"the token is valid for {left:.0f} s: the client's validity was ignored"
        )
    time.sleep(max(0.0, left) + 1)
    return token


def _client(cognito: Any, pool: str, **settings: Any) -> str:
    made = cognito.create_user_pool_client(
        UserPoolId=pool,
        ClientName="hostile",
        ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        **settings,
    )
    return str(made["UserPoolClient"]["ClientId"])


def _user(cloud: Cloud, pool: str, client: str, cleanup: contextlib.ExitStack) -> dict[str, str]:
    cognito, name = cloud.client("cognito-idp"), f"{secrets.token_hex(6)}@example.com"
    user = {"UserPoolId": pool, "Username": name}
    cognito.admin_create_user(
        **user,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": name}],
    )
    cleanup.callback(cognito.admin_delete_user, **user)
    cognito.admin_set_user_password(**user, Password=_PASSWORD, Permanent=True)
    return sign_in(cloud, {"UserPoolClientId": client}, name, _PASSWORD)


def _public_key(cloud: Cloud, outputs: Mapping[str, str], token: str) -> dict[str, str]:
    """The key that the token was signed with, as the pool publishes it."""
    address = f"{cloud.endpoint}/{outputs['UserPoolId']}/.well-known/jwks.json"
    keys = httpx.get(address, trust_env=False).json()["keys"]
    kid = decoded(token)[0]["kid"]
    return next(dict(key) for key in keys if key["kid"] == kid)


def address_of(url: str) -> Address:
    """The address in a URL."""
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or 80)

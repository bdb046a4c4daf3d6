"""A client of the gallery that sends what a browser sends: API requests, and uploads to S3."""

import hashlib
import time
from typing import Any, Final, Self

import httpx

# The SHA-256 of no body. Lambda demands it if CloudFront sends views to a function URL.
_NO_BODY: Final = {"x-amz-content-sha256": hashlib.sha256().hexdigest()}


class GalleryError(Exception):
    """The gallery gave an unexpected answer, which the message contains."""


class Gallery:
    """The gallery at CloudFront's `url`; with an ID token, as a signed-in user."""

    def __init__(self, url: str, id_token: str | None = None) -> None:
        headers = {"Authorization": id_token} if id_token else {}
        self._site = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._api = httpx.Client(
            base_url=f"{url}/api", headers=headers, timeout=30, trust_env=False
        )
        self._s3 = httpx.Client(timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()
        self._site.close()
        self._s3.close()

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """The answer of the API, whatever its status."""
        return self._api.request(method, path, **arguments)

    def create_photo(self, title: str, content_type: str, size: int) -> dict[str, Any]:
        """`POST /photos`: the photo, and the presigned request under `upload`; `size` in bytes."""
        body = {"title": title, "content_type": content_type, "bytes": size}
        answer = self._api.post("/photos", json=body)
        if answer.status_code != httpx.codes.CREATED:
            raise GalleryError(f"POST /photos answered {answer.status_code}: {answer.text}")
        return dict(answer.json())

    def upload(self, presigned: dict[str, Any], data: bytes) -> None:
        """Send the file as a browser does; its size must be the announced one."""
        answer = self._s3.request(
            presigned["method"], presigned["url"], headers=presigned["headers"], content=data
        )
        if not answer.is_success:
            raise GalleryError(f"the upload answered {answer.status_code}: {answer.text}")

    def fetch(self, path: str) -> httpx.Response:
        """The answer for a page or a rendition, whatever its status."""
        return self._site.get(path)

    def delete_photo(self, photo_id: str) -> None:
        """`DELETE /photos/{photo_id}`."""
        answer = self._api.delete(f"/photos/{photo_id}")
        if answer.status_code != httpx.codes.NO_CONTENT:
            raise GalleryError(f"DELETE answered {answer.status_code}: {answer.text}")

    def record_view(self, photo_id: str) -> None:
        """`POST /photos/{photo_id}/views`."""
        answer = self._api.post(f"/photos/{photo_id}/views", headers=_NO_BODY)
        if answer.status_code != httpx.codes.ACCEPTED:
            raise GalleryError(f"a view answered {answer.status_code}: {answer.text}")

    def views(self, photo_id: str) -> dict[str, Any]:
        """`GET /photos/{photo_id}/views`."""
        answer = self._api.get(f"/photos/{photo_id}/views")
        if not answer.is_success:
            raise GalleryError(f"GET /photos/{photo_id}/views answered {answer.status_code}")
        return dict(answer.json())

    def photos(self) -> list[dict[str, Any]]:
        """All photos of `GET /photos`, from all its pages."""
        photos: list[dict[str, Any]] = []
        asked = {"limit": "100"}
        while True:
            answer = self._api.get("/photos", params=asked)
            if not answer.is_success:
                raise GalleryError(f"GET /photos answered {answer.status_code}: {answer.text}")
            page = answer.json()
            photos += page["photos"]
            if page["cursor"] is None:
                return photos
            asked["cursor"] = page["cursor"]

    def photo(self, photo_id: str) -> dict[str, Any]:
        """`GET /photos/{photo_id}`."""
        answer = self._api.get(f"/photos/{photo_id}")
        if not answer.is_success:
            raise GalleryError(f"GET /photos/{photo_id} answered {answer.status_code}")
        return dict(answer.json())

    def settled(self, photo_id: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until the photo is no longer PENDING, and return it.

        Raises:
            TimeoutError: the photo is still PENDING after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            photo = self.photo(photo_id)
            if photo["status"] != "PENDING":
                return photo
            time.sleep(0.05)
        raise TimeoutError(f"photo {photo_id} is still PENDING after {seconds:.0f} s")

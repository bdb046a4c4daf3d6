"""Photos for a gallery that runs, and a wait until its page lists them."""

import io

from demo.client import Gallery
from demo.samples import landscape
from localcloud.event_sources.poller import EventSources
from tests.support.waiting import awaited


def jpeg(width: int = 800, height: int = 600) -> bytes:
    file = io.BytesIO()
    landscape(width, height).save(file, "JPEG", quality=90)
    return file.getvalue()


def listed_photo(gallery: Gallery, event_sources: EventSources) -> str:
    """A new photo, in the list as CloudFront answers it to the page too."""
    data = jpeg(320, 240)
    created = gallery.create_photo("Seen", "image/jpeg", len(data))
    gallery.upload(created["upload"], data)
    photo_id = str(gallery.settled(created["photo"]["photo_id"])["photo_id"])
    event_sources.await_drained(120)
    awaited(lambda: is_listed(gallery, photo_id))
    return photo_id


def is_listed(gallery: Gallery, photo_id: str) -> bool:
    """Whether the page lists it: CloudFront keeps the answer to each query for itself."""
    as_the_page_asks = {"limit": "30"}  # web/grid.js
    return photo_id in gallery.request("GET", "/photos", params=as_the_page_asks).text

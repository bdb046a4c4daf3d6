"""The application on the laptop, as commands and demo see it."""

from collections.abc import Mapping

import msgspec

from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources


class DeployedGallery(msgspec.Struct, frozen=True):
    """What was deployed: its outputs, its stream mappings, its page, and who is signed in."""

    cloud: Cloud
    outputs: Mapping[str, str]
    event_sources: EventSources
    url: str
    id_token: str

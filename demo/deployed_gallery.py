"""The gallery on a running laptop cloud."""

from collections.abc import Mapping

import msgspec

from localcloud.cloud import Cloud
from localcloud.event_sources.poller import EventSources


class DeployedGallery(msgspec.Struct, frozen=True):
    """The stack's outputs, its stream mappings, the page's URL, and a user's token."""

    cloud: Cloud
    outputs: Mapping[str, str]
    event_sources: EventSources
    url: str
    id_token: str

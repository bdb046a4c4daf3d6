"""The gallery on a running laptop cloud."""

from collections.abc import Iterator, Mapping
from typing import Any

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

    def scan(self, table: str) -> Iterator[dict[str, Any]]:
        """Every item of a table; `table` is the name of the output that has its name."""
        paginator = self.cloud.client("dynamodb").get_paginator("scan")
        for page in paginator.paginate(TableName=self.outputs[table]):
            yield from page["Items"]

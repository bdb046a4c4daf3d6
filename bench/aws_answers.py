"""Answers to requests of botocore's clients, which end before the network."""

import io
from collections.abc import Mapping

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders


def answer(url: str, content: bytes, headers: Mapping[str, str] | None = None) -> AWSResponse:
    """An answer of an AWS service with status 200."""
    return AWSResponse(url, 200, HTTPHeaders.from_dict(headers or {}), _Content(content))


class _Content(io.BytesIO):
    """The body as botocore reads it."""

    def stream(self, **_: object) -> list[bytes]:
        return [self.read()]

"""Which responses CloudFront compresses, and for which viewers."""

import gzip
import re
from dataclasses import replace
from typing import Final

from localcloud.cloudfront.behaviours import Behaviour, CachePolicy
from localcloud.cloudfront.messages import Request, Response, without

_SIZES: Final = range(1_000, 10_000_001)
_REFUSED: Final = re.compile(r"q=0(\.0*)?")
_STATUSES: Final = (200, 403, 404)
_APPLICATIONS: Final = (
    r"dash\+xml|eot|font|font-sfnt|javascript|json|opentype|otf|pdf|pkcs7-mime|protobuf|rss\+xml"
    r"|truetype|ttf|vnd\.apple\.mpegurl|vnd\.mapbox-vector-tile|vnd\.ms-fontobject|wasm|xhtml\+xml"
    r"|xml|x-font-opentype|x-font-truetype|x-font-ttf|x-httpd-cgi|x-javascript|x-mpegurl"
    r"|x-opentype|x-otf|x-perl|x-ttf"
)
_TEXTS: Final = (
    "css|csv|html|javascript|js|plain|richtext|tab-separated-values|xml|x-component"
    "|x-java-source|x-script"
)
_TYPES: Final = re.compile(
    rf"application/({_APPLICATIONS})|font/(eot|opentype|otf|ttf)|image/svg\+xml|text/({_TEXTS})"
    r"|vnd\.apple\.mpegurl"
)


def encoding(request: Request, policy: CachePolicy) -> str:
    """The viewer's Accept-Encoding as the cache key has it: `gzip`, or nothing."""
    if not policy.compressed:
        return ""
    for each in (request.header("accept-encoding") or "").lower().split(","):
        name, _, parameter = each.replace(" ", "").partition(";")
        if name == "gzip" and not _REFUSED.fullmatch(parameter):
            return "gzip"
    return ""


def compressed(response: Response, behaviour: Behaviour, accepted: str) -> Response:
    """The response as it is cached and sent; a strong ETag becomes a weak one."""
    content_type = (response.header("content-type") or "").split(";")[0].strip().lower()
    if not (
        behaviour.compress
        and accepted == "gzip"
        and response.status in _STATUSES
        and len(response.body) in _SIZES
        and _TYPES.fullmatch(content_type)
        and response.header("content-encoding") is None
        and response.header("content-length") is not None
    ):
        return response
    etag = response.header("etag")
    headers = without(response.headers, {"etag", "content-length"})
    response = replace(response, headers=headers, body=gzip.compress(response.body, mtime=0))
    if etag and etag.startswith(('"', "W/")):
        response = response.with_header("ETag", "W/" + etag.removeprefix("W/"))
    vary = {each.strip().lower() for each in (response.header("vary") or "").split(",")}
    if "accept-encoding" not in vary:
        response = replace(response, headers=(*response.headers, ("Vary", "Accept-Encoding")))
    return response.with_header("Content-Encoding", "gzip").with_header(
        "Content-Length", str(len(response.body))
    )

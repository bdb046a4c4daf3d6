"""How long an answer lives: in browsers (max-age) and in CloudFront (s-maxage)."""

# A rendition's key holds its upload's ETag, so what is under it never changes; a deleted photo is
# invalidated in CloudFront, where a day is enough to spare the bucket.
_IMMUTABLE = "public, max-age=31536000, s-maxage=86400, immutable"
# Names without a hash: browsers ask each time, so that no page meets the script of another release;
# publishing invalidates CloudFront.
_UNTIL_PUBLISHED = "public, max-age=0, s-maxage=86400"
_SHORT = "public, max-age=0, s-maxage=60"
BRIEF = "public, max-age=0, s-maxage=1"

# The object, a range of it, or word that it is as it was.
FRESH = ("200", "206", "304")

_ASSET_TYPES = ("text/css", "text/javascript", "application/javascript", "image/", "font/")
_ASSET_NAMES = (".css", ".js", ".mjs", ".svg", ".png", ".ico", ".webp", ".woff2")


def cache_control(path: str, status: str, content_type: str) -> str:
    """The header's value; `content_type` is empty where the origin gives none, as with a 304.

    A 304 renews what CloudFront keeps, so it gets what the object would get.
    """
    if status not in FRESH:
        return BRIEF
    if path.startswith("/photos/") and content_type in ("image/webp", ""):
        return _IMMUTABLE
    if content_type.startswith(_ASSET_TYPES) if content_type else path.endswith(_ASSET_NAMES):
        return _UNTIL_PUBLISHED
    return _SHORT

"""How long browsers (max-age) and CloudFront (s-maxage) may cache a response."""

from edge_headers.canonical_paths import is_file, photo_of_rendition

# A rendition's key contains its upload's ETag, and the folder of scripts and styles is named by
# their hash, so these objects never change. Deleted photos are invalidated in CloudFront.
_IMMUTABLE = "public, max-age=31536000, s-maxage=86400, immutable"
_HASHED = "/assets/"  # also in ops/page_files.py
# Names without a hash: browsers ask each time. Publishing invalidates CloudFront.
_UNTIL_PUBLISHED = "public, max-age=0, s-maxage=86400"
_SHORT = "public, max-age=0, s-maxage=60"
BRIEF = "public, max-age=0, s-maxage=1"
NOT_CACHED = "no-store"

# The object, a range of it, or the answer that it has not changed.
FRESH = ("200", "206", "304")

_ASSET_TYPES = ("text/css", "text/javascript", "application/javascript", "image/", "font/")
_ASSET_NAMES = (".css", ".js", ".mjs", ".svg", ".png", ".ico", ".webp", ".woff2")


def cache_control(path: str, status: str, content_type: str) -> str:
    """The value of Cache-Control; `content_type` is empty if the origin gives none, as in a 304.

    A 304 renews what CloudFront has cached, so it gets the same value as the object. CloudFront
    caches each spelling of a path separately, so only the canonical one is cached.
    """
    rendition = photo_of_rendition(path) is not None
    if not rendition and not is_file(path):
        return NOT_CACHED
    if status not in FRESH:
        return BRIEF
    if path.startswith(_HASHED) or (rendition and content_type in ("image/webp", "")):
        return _IMMUTABLE
    if content_type:
        is_asset = content_type.startswith(_ASSET_TYPES)
    else:
        is_asset = path.endswith(_ASSET_NAMES)
    return _UNTIL_PUBLISHED if is_asset else _SHORT

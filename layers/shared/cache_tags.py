"""Cache tags: CloudFront invalidates all responses that carry a photo's tag, whatever their path.

The edge function has this module in its own package. It imports nothing, because each import would
prolong the edge function's cold start.
"""

METADATA_KEY = "cache-tag"
# S3 returns the metadata of an object as headers with this prefix. distribution.yaml names the
# header under CacheTagConfig.
HEADER = f"x-amz-meta-{METADATA_KEY}"
_OF_PHOTO_IDS = frozenset("0123456789abcdefghijklmnopqrstuvwxyz-")


def photo_tag(photo_id: str) -> str:
    """The tag of a photo's page and of its renditions.

    Characters other than a to z, 0 to 9 and `-` become `_`: CloudFront and S3 refuse some of them.
    """
    return "photo-" + "".join(each if each in _OF_PHOTO_IDS else "_" for each in photo_id)

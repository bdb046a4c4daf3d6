"""The `Cache-Control` of the API's answers that CloudFront may keep, as every test expects it."""

from typing import Final

PUBLIC_READ: Final = "max-age=0, s-maxage=2, stale-while-revalidate=1, stale-if-error=30"

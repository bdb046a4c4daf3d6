"""Computes which requests for public answers CloudFront's caches send on to the API.

A cache keeps an answer for some seconds. The first request after that is fetched from the origin,
also if a stale answer is served meanwhile, and requests at the same time share one fetch. So an
address that is requested at random times, `rate` times a second, is fetched once in every
`seconds` plus the mean wait for the next request: `rate / (1 + rate * seconds)` times a second.

Each cache fetches for itself. The model gives each an equal share of the requests and lets no cache
in front of them answer, which makes the most fetches.
"""

import msgspec


class EdgeCaches(msgspec.Struct, frozen=True):
    """The caches that ask the origin, and for how many seconds they keep an answer."""

    caches: float
    seconds: float

    def fetches(self, rate: float) -> float:
        """Fetches per second, by all caches together, of an address with `rate` requests."""
        return rate / (1 + rate / self.caches * self.seconds)


NO_CACHES = EdgeCaches(caches=1, seconds=0)

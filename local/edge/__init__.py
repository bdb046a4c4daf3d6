"""The laptop's CloudFront, whose rules are in `docs/conformance-cloudfront.md`."""

from local.edge.server import Served, running

__all__ = ["Served", "running"]

"""The laptop's CloudFront, whose rules are in `docs/conformance-cloudfront.md`."""

from local.edge.server import Served, listening, running

__all__ = ["Served", "listening", "running"]

"""CloudFront on this machine, by the rules in `docs/conformance-cloudfront.md`."""

from localcloud.cloudfront.server import Served, listening, running

__all__ = ["Served", "listening", "running"]

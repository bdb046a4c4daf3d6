"""Times as the application writes them: ISO 8601, UTC, milliseconds."""

from datetime import UTC, datetime


def iso_milliseconds(moment: datetime) -> str:
    """`2026-11-20T12:34:56.789Z`, for a moment that has a time zone."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Log lines of the gallery's functions as `make up` shows them."""

import json

from ops.journey import last_line


def summary(message: str) -> str | None:
    """A log line for a person: level, message, subject and exception of a structured line.

    None for metrics and for the runtime's own lines.
    """
    try:
        entry = json.loads(message)
    except ValueError:
        return None if message.startswith(("START ", "END ", "REPORT ")) else message
    if not isinstance(entry, dict) or "message" not in entry:
        return None
    about = [str(entry[key]) for key in ("method", "path", "status", "finding") if key in entry]
    if entry.get("photo_id") and entry["photo_id"] not in entry.get("path", ""):
        about.append(entry["photo_id"])
    if "exception" in entry:
        about.append(last_line(entry["exception"]))
    return " ".join([f"{entry.get('level', 'INFO'):7}", entry["message"], *about])

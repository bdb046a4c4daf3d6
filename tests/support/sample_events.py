"""The table of events/README.md: each event with its function and what the function answers."""

import json
import re
from typing import Any, Final, NamedTuple

from tests.support.repository import ROOT

EVENTS: Final = ROOT / "events"
_ROW: Final = re.compile(r"^\| `(\w+)` \| `(\w+)` \| [^|]+ \| `([^`]+)` \|$", re.MULTILINE)


class SampleEvent(NamedTuple):
    """A row: a file of events/ without its ending, the logical id of a function, the answer."""

    name: str
    function: str
    answer: str

    @property
    def payload(self) -> bytes:
        return (EVENTS / f"{self.name}.json").read_bytes()


def sample_events() -> list[SampleEvent]:
    """In the order of the table, which is that of a photo's life."""
    return [SampleEvent(*row) for row in _ROW.findall((EVENTS / "README.md").read_text())]


def answer_in_short(payload: bytes) -> str:
    """A function's answer as the table writes it: a status, the type of an error, or JSON."""
    answer: Any = json.loads(payload)
    match answer:
        case {"statusCode": status} | {"status": status, "headers": {}}:
            return str(status)
        case {"errorType": name}:
            return str(name)
        case {"done": _}:
            return '{"done": …}'
        case _:
            return json.dumps(answer)

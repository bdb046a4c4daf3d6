"""All cases of the attack, in the order in which they run."""

from typing import Final

from tests.hostile import api_cases, browser_cases, edge_cases, upload_cases
from tests.hostile.case import Case

_GROUPS: Final = {
    "tokens": api_cases.tokens,
    "ids": api_cases.ids,
    "cursors": api_cases.cursors,
    "bodies": api_cases.bodies,
    "headers": edge_cases.headers,
    "idempotency": upload_cases.idempotency,
    "uploads": upload_cases.uploads,
    "traversal": edge_cases.traversal,
    "smuggling": edge_cases.smuggling,
    "caching": edge_cases.caching,
    "scripts": browser_cases.scripts,
}
CASES: Final = [
    Case(group, name, expected, attack)
    for group, cases in _GROUPS.items()
    for name, expected, attack in cases()
]

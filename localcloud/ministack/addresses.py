"""Addresses that a template builds, as a function can call them on this machine.

On AWS an API has the address `https://<id>.execute-api.<region>.amazonaws.com`, and a template
often passes it to a function as a variable.
"""

import re
from typing import Final

_ADDRESS: Final = re.compile(
    r"https://([a-z0-9]+)\.(execute-api|lambda-url)\.[a-z0-9-]+\.(?:amazonaws\.com|on\.aws)"
)


def on_this_machine(text: str, endpoint: str) -> str:
    """The text with the addresses of APIs and function URLs as the laptop cloud serves them."""
    return _ADDRESS.sub(rf"{endpoint}/_aws/\2/\1", text)

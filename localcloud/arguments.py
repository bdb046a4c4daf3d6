"""Types and defaults of command-line arguments."""

import argparse
from ipaddress import ip_address
from typing import Final

DEFAULT_PORT: Final = 4566  # also PORT in the Makefile
LAST_PORT: Final = 2**16 - 1


def port_number(text: str) -> int:
    """A port that a person gave."""
    if not text.isdecimal() or not 0 < int(text) <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"invalid port '{text}': expected 1 to {LAST_PORT}")
    return int(text)


def listening_address(text: str) -> str:
    """An address to listen on that a person gave; an empty one would mean every interface."""
    try:
        return str(ip_address(text))
    except ValueError:
        message = f"invalid address '{text}': expected an IP address, such as 127.0.0.1"
        raise argparse.ArgumentTypeError(message) from None


def function_and_port(text: str) -> tuple[str, int | None]:
    """A function's logical id and a port, written FUNCTION or FUNCTION:PORT."""
    function, colon, port = text.partition(":")
    if not function or (colon and not port):
        raise argparse.ArgumentTypeError(f"invalid '{text}': expected FUNCTION or FUNCTION:PORT")
    return function, port_number(port) if port else None


def parameter(text: str) -> tuple[str, str]:
    """A name and its value, written NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"invalid parameter '{text}': expected NAME=VALUE")
    return name, value

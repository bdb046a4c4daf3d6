"""Lambda's trace header. Its lineage has the depth of a chain of functions that call functions."""

import re
import time
import zlib
from collections.abc import Mapping
from typing import Any, Final

from ministack.core.responses import new_uuid
from ministack.services import lambda_svc

_LINEAGE: Final = re.compile(r"Lineage=1:[0-9a-f]{8}:(\d+)")


def trace_header(config: dict[str, Any]) -> str:
    """The header that a function gets with its event."""
    active = lambda_svc._xray_trace_id_for_invocation(config)  # noqa: SLF001
    root = active or f"Root=1-{int(time.time()):08x}-{new_uuid().replace('-', '')[:24]};Sampled=0"
    depth = lambda_svc._invoke_depth.get()  # noqa: SLF001
    return f"{root};Lineage=1:{zlib.crc32(config['FunctionName'].encode()):08x}:{depth}"


def inbound_depth(headers: Mapping[str, str]) -> int:
    """In place of lambda_svc._inbound_invoke_depth: read the header, which AWS SDKs pass on."""
    match = _LINEAGE.search(headers.get("x-amzn-trace-id", ""))
    return int(match[1]) if match else 0

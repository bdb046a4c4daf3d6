"""Requests of localcloud to ministack's process; runs inside that process.

They carry no content, so that a client of the laptop cloud cannot bring code in by them.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

SAVED_CODE: Final = "/_localcloud/saved-code"
DEBUGGER: Final = "/_localcloud/debugger"


def install(answers: Mapping[str, Callable[[], object]]) -> None:
    """Answer POST requests for the paths with what the functions return, as JSON."""
    from ministack import app  # noqa: PLC0415 - not in the development environment

    handle = app._handle_post_body_shortcuts  # noqa: SLF001

    async def handle_own_too(method: str, path: str, *request: Any) -> Any:
        if method == "POST" and path in answers:
            answer = await asyncio.to_thread(answers[path])
            return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()
        return await handle(method, path, *request)

    app._handle_post_body_shortcuts = handle_own_too  # noqa: SLF001

"""Records each decision on a request of a role once; runs inside ministack's process."""

import json
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

SETTING: Final = "DECISIONS_FILE"
"""Environment variable with the file's path; without it nothing is recorded."""


def install(file: Path) -> None:
    """Append each new decision to `file`, as a line of JSON.

    A line has `role`, `action`, `resource` and `allowed`; the resource of a listing has the prefix
    as its query.
    """
    from ministack.core import iam_evaluator  # noqa: PLC0415 - not in the development environment
    from ministack.services import iam  # noqa: PLC0415

    evaluate, enforce = iam_evaluator.evaluate, iam_evaluator.enforce
    simulate = iam._build_simulate_results_real  # noqa: SLF001
    evaluated: ContextVar[list[tuple[Any, bool]] | None] = ContextVar("evaluated", default=None)
    written: set[str] = set()
    lock = threading.Lock()

    def record(context: Any, *, allowed: bool) -> None:
        if not (role := _role(context.principal_arn)):
            return
        request = {"role": role, "action": context.action, "resource": _resource(context)}
        line = json.dumps({**request, "allowed": allowed})
        with lock:
            if line not in written:
                written.add(line)
                with file.open("a") as lines:
                    lines.write(f"{line}\n")

    def evaluate_and_keep(context: Any, *policies: Any) -> Any:
        result = evaluate(context, *policies)
        if (kept := evaluated.get()) is not None:
            kept.append((context, result.decision == "Allow"))
        return result

    def enforce_and_record(*request: Any, **options: Any) -> Any:
        """Record the decision of ministack, which evaluates the role's policies first."""
        kept: list[tuple[Any, bool]] = []
        token = evaluated.set(kept)
        try:
            refusal = enforce(*request, **options)
        finally:
            evaluated.reset(token)
        if kept:
            record(kept[0][0], allowed=refusal is None)
        return refusal

    def simulate_and_record(*request: Any) -> Any:
        """Record simulations: localcloud simulates before it reads a table's stream for a role."""
        kept: list[tuple[Any, bool]] = []
        token = evaluated.set(kept)
        try:
            return simulate(*request)
        finally:
            evaluated.reset(token)
            for context, allowed in kept:
                record(context, allowed=allowed)

    iam_evaluator.evaluate = evaluate_and_keep
    iam_evaluator.enforce = enforce_and_record
    iam._build_simulate_results_real = simulate_and_record  # noqa: SLF001


def _role(arn: str) -> str:
    """The name of the role in a role's ARN or in that of a session; empty for other principals."""
    kind, *names = arn.rpartition(":")[2].split("/")
    match kind:
        case "role":
            return names[-1]
        case "assumed-role":
            return names[0]
        case _:
            return ""


def _resource(context: Any) -> str:
    prefix = context.service_context.get("s3:prefix")
    query = "" if prefix is None else f"?prefix={prefix}"
    return f"{context.resource_arn}{query}"

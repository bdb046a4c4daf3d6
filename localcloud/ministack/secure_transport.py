"""Lets policies see the laptop cloud's plain HTTP as TLS; runs inside ministack's process.

Nothing on the laptop speaks TLS, so a policy that denies requests without it would deny all.
"""

from typing import Any


def install() -> None:
    """Replace the function of ministack that resolves a condition key."""
    from ministack.core import iam_evaluator  # noqa: PLC0415 - not in the development environment

    resolve = iam_evaluator._resolve_condition_key  # noqa: SLF001

    def resolve_with_tls(key: str, context: Any) -> Any:
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    iam_evaluator._resolve_condition_key = resolve_with_tls  # noqa: SLF001

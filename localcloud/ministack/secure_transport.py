"""Makes policies treat the laptop cloud's plain HTTP as TLS; runs inside ministack's process.

The laptop cloud has no TLS, so a policy that denies requests without TLS would deny all.
"""

from typing import Any


def install() -> None:
    """Replace the function of ministack that resolves a condition key."""
    from ministack.core import iam_evaluator  # noqa: PLC0415 - not in the development environment

    resolve = iam_evaluator._resolve_condition_key  # noqa: SLF001

    def resolve_with_tls(key: str, context: Any) -> Any:
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    iam_evaluator._resolve_condition_key = resolve_with_tls  # noqa: SLF001

"""Whether Kinesis can change the views stream as the parameters ask, and which step comes next."""

import math
from collections.abc import Iterator
from typing import Final

from ops.preflight.findings import Finding, blocked, ready, warning
from ops.preflight.target import DeployedTarget

_CHECK: Final = "Views stream"
_MODE_CHANGES: Final = "Kinesis allows two changes of the mode in 24 hours."


def resharding_steps(current: int, wanted: int) -> list[int]:
    """The shard counts to deploy one after the other: each at most doubles or halves the last.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
    """
    steps = []
    while current != wanted:
        if wanted > current:
            current = min(wanted, 2 * current)
        else:
            current = max(wanted, math.ceil(current / 2))
        steps.append(current)
    return steps


def check_stream(target: DeployedTarget) -> Iterator[Finding]:
    """The step from the stream that is there to the one that the parameters ask for."""
    mode = target.parameters["ViewsStreamMode"]
    wanted = int(target.parameters["ViewsShardCount"])
    existing = target.existing.get("ViewsStream")
    if not existing:
        yield _new_stream(target, mode, wanted)
        return
    found = target.account.client("kinesis").describe_stream_summary(
        StreamName=existing.physical_id
    )["StreamDescriptionSummary"]
    now = found["StreamModeDetails"]["StreamMode"]
    current = found["OpenShardCount"]
    before = target.deployed.parameters if target.deployed else {}
    unchanged = before.get("ViewsShardCount") == str(wanted)  # CloudFormation compares with this
    if mode == now == "PROVISIONED":
        if unchanged or current == wanted:
            yield _unchanged(current, wanted)
        else:
            yield _resharded(target, current, wanted)
    elif mode == now:
        yield ready(_CHECK, f"On demand, now with {_shards(current)}.")
    elif mode == "ON_DEMAND":
        yield warning(_CHECK, f"Changes to on demand. {_MODE_CHANGES}")
    else:
        yield _to_provisioned(current, wanted)


def _new_stream(target: DeployedTarget, mode: str, wanted: int) -> Finding:
    limits = target.account.client("kinesis").describe_limits()
    if mode == "ON_DEMAND":
        used, limit = limits["OnDemandStreamCount"], limits["OnDemandStreamCountLimit"]
        if used >= limit:
            return blocked(
                _CHECK,
                f"The account has {used} of {limit} on-demand streams: deploy with"
                " ViewsStreamMode=PROVISIONED, or request a higher quota.",
            )
        return ready(_CHECK, "On demand.")
    used, limit = limits["OpenShardCount"], limits["ShardLimit"]
    if used + wanted > limit:
        return blocked(
            _CHECK,
            f"{_shards(wanted)} do not fit: {used} of the account's {limit} are in use. Lower"
            " ViewsShardCount, or request a higher quota.",
        )
    return ready(
        _CHECK, f"{_shards(wanted)}; {limit - used:,} of the account's {limit:,} are free."
    )


def _unchanged(current: int, wanted: int) -> Finding:
    if current == wanted:
        return ready(_CHECK, f"{_shards(current)}, as deployed.")
    return warning(
        _CHECK,
        f"The stream has {_shards(current)}, and ViewsShardCount is {wanted} as in the last"
        " deployment, so CloudFormation changes nothing: somebody resharded it by hand. Pass"
        f" ViewsShardCount={current} to keep it so.",
    )


def _resharded(target: DeployedTarget, current: int, wanted: int) -> Finding:
    steps = resharding_steps(current, wanted)
    if len(steps) > 1:
        path = ", then ".join(str(each) for each in steps[1:])
        return blocked(
            _CHECK,
            f"Kinesis cannot go from {current} to {_shards(wanted)}: one call at most doubles or"
            f" halves them. Deploy ViewsShardCount={steps[0]} first, then {path}.",
        )
    limits = target.account.client("kinesis").describe_limits()
    free = limits["ShardLimit"] - limits["OpenShardCount"]
    if wanted - current > free:
        return blocked(
            _CHECK,
            f"{wanted} shards do not fit: {current} are there, and {free} of the account's"
            f" {limits['ShardLimit']} are free. Request a higher quota.",
        )
    return ready(
        _CHECK, f"From {current} to {_shards(wanted)}; Kinesis allows this 10 times a day."
    )


def _to_provisioned(current: int, wanted: int) -> Finding:
    """The stream keeps its shards when the mode changes."""
    if wanted == current:
        return warning(_CHECK, f"Changes to {_shards(wanted)}, provisioned. {_MODE_CHANGES}")
    advice = f"Deploy ViewsShardCount={current} with it, and change the count afterwards."
    if len(resharding_steps(current, wanted)) > 1:
        return blocked(
            _CHECK,
            f"On demand the stream has {_shards(current)}, and Kinesis cannot go to {wanted} in one"
            f" step. {advice} {_MODE_CHANGES}",
        )
    return warning(
        _CHECK,
        f"Changes to provisioned and from {current} to {_shards(wanted)} in one update. Safer:"
        f" {advice[0].lower()}{advice[1:]} {_MODE_CHANGES}",
    )


def _shards(count: int) -> str:
    return "1 shard" if count == 1 else f"{count:,} shards"

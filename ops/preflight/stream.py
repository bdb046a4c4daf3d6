"""Checks whether Kinesis can change the views stream to what the parameters say."""

import math
from collections.abc import Iterator
from typing import Any, Final

from ops.preflight.findings import Finding, blocked, ready, warning
from ops.preflight.target import DeployedTarget

_CHECK: Final = "Views stream"
_COUNT: Final = "ViewsShardCount"
_MODE_CHANGES: Final = "Kinesis allows two changes of the mode in 24 hours."


def resharding_steps(current: int, wanted: int) -> list[int]:
    """The shard counts to deploy one after the other: each at most doubles or halves the count.

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


def shard_count(template: dict[str, Any], parameters: dict[str, str]) -> int:
    """The shards that the parameters name, or that ExpectedViewsPerSecond needs."""
    count = int(parameters[_COUNT])
    if count:
        return count
    expected = parameters["ExpectedViewsPerSecond"]
    return int(template["Mappings"]["ExpectedViews"][expected]["Shards"])


def check_stream(target: DeployedTarget) -> Iterator[Finding]:
    """Whether one deployment can change the existing stream to mode and count of the parameters."""
    mode = target.parameters["ViewsStreamMode"]
    wanted = shard_count(target.template, target.parameters)
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
    # CloudFormation compares with the count of the last deployment.
    unchanged = (
        _COUNT in before and shard_count(target.template, target.parameters | before) == wanted
    )
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
            f"{_shards(wanted)} exceed the quota: {used} of the account's {limit} are in use. Lower"
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
        f"The stream has {_shards(current)}, so it was resharded outside CloudFormation."
        f" This deployment wants {_shards(wanted)}, as the last one did, so CloudFormation does not"
        f" change the stream. Pass ViewsShardCount={current}, so that later deployments keep this"
        " number.",
    )


def _resharded(target: DeployedTarget, current: int, wanted: int) -> Finding:
    steps = resharding_steps(current, wanted)
    if len(steps) > 1:
        path = ", then ".join(str(each) for each in steps[1:])
        return blocked(
            _CHECK,
            f"Kinesis cannot change {current} to {_shards(wanted)} in one step: a step at most"
            f" doubles or halves the count. Deploy ViewsShardCount={steps[0]} first, then {path}.",
        )
    limits = target.account.client("kinesis").describe_limits()
    free = limits["ShardLimit"] - limits["OpenShardCount"]
    if wanted - current > free:
        return blocked(
            _CHECK,
            f"{wanted} shards exceed the quota: the stream has {current}, and {free} of the"
            f" account's {limits['ShardLimit']} are free. Request a higher quota.",
        )
    return ready(
        _CHECK,
        f"Changes from {current} to {_shards(wanted)}; Kinesis allows 10 such changes in 24 hours.",
    )


def _to_provisioned(current: int, wanted: int) -> Finding:
    """The change from on-demand to provisioned mode, which keeps the number of shards."""
    if wanted == current:
        return warning(_CHECK, f"Changes to {_shards(wanted)}, provisioned. {_MODE_CHANGES}")
    advice = f"Deploy ViewsShardCount={current} with the new mode, and change the count afterwards."
    if len(resharding_steps(current, wanted)) > 1:
        return blocked(
            _CHECK,
            f"The on-demand stream has {_shards(current)}, and Kinesis cannot change that to"
            f" {wanted} in one step. {advice} {_MODE_CHANGES}",
        )
    return warning(
        _CHECK,
        f"Changes the mode to provisioned and the count from {current} to {_shards(wanted)} in one"
        f" update. Two updates are safer: {advice[0].lower()}{advice[1:]} {_MODE_CHANGES}",
    )


def _shards(count: int) -> str:
    return "1 shard" if count == 1 else f"{count:,} shards"

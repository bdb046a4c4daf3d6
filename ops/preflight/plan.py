"""The resources that a deployment creates, and what they cost while idle."""

import re
from collections import Counter, defaultdict
from typing import Final

from ops.cost.figures import load_figures
from ops.cost.prices import load_prices
from ops.cost.scenario import load_scenario, without_traffic
from ops.cost.stack_settings import read_stack_settings
from ops.cost.usage import bill
from ops.preflight.target import DeployedTarget, DeploymentTarget
from ops.stacks import EDGE_REGION

_SHOWN_USD: Final = 0.5
_WORDS: Final = {"api": "API", "Sns": "SNS"}


def created(target: DeploymentTarget) -> dict[str, str]:
    """The number of resources of each kind by service, and the change of an existing stack."""
    planned = Counter(each["Type"] for each in target.resources.values())
    existing: Counter[str] = Counter()
    if isinstance(target, DeployedTarget):
        existing = Counter(each.type for each in target.existing.values())
    lines: dict[str, list[str]] = defaultdict(list)
    for kind in sorted(planned.keys() | existing.keys(), key=lambda each: (each, planned[each])):
        _, service, resource = kind.split("::")
        count, change = planned[kind], planned[kind] - existing[kind]
        note = f" ({change:+d})" if existing and change else ""
        lines[service].append(f"{count} {_counted(resource, count)}{note}")
    return {service: ", ".join(parts) for service, parts in lines.items()}


def _counted(resource: str, count: int) -> str:
    """`LayerVersion` as `layer version` or `layer versions`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", resource).lower()
    words = " ".join(_WORDS.get(word, word) for word in words.split())
    if count == 1:
        return words
    if words.endswith("y"):
        return f"{words[:-1]}ies"
    return f"{words}es" if words.endswith("s") else f"{words}s"


def idle_cost(target: DeploymentTarget) -> str:
    """US dollars per month without visitors and photos, in total and by service."""
    if target.stage.name == "local":
        return "none, because stage local runs on this machine."
    parameters = dict(target.parameters)
    if target.region != EDGE_REGION:
        parameters["Page"] = "none"
    prices = load_prices()
    found = bill(
        without_traffic(load_scenario("hobby")),
        read_stack_settings(target.template, parameters),
        load_figures({}),
        prices,
    )
    services = {
        service: usd for service, usd in found.by_service(prices).items() if usd >= _SHOWN_USD
    }
    parts = ", ".join(f"{service} ${usd:,.2f}" for service, usd in services.items())
    return f"${found.usd:,.2f} per month at list prices of {EDGE_REGION}: {parts}."

"""What the number of CloudFront's caches in front of the API changes at a scenario's traffic."""

from collections.abc import Mapping
from typing import Final

from ops.cost.figures import Figures, with_figure
from ops.cost.load import Load, load_of, shards_needed
from ops.cost.prices import Price
from ops.cost.report import dollars
from ops.cost.scenario import Scenario
from ops.cost.stack_settings import StackSettings
from ops.cost.usage import MONTH, bill

_SHIELD: Final = "one: Origin Shield in front of the API"
_CACHES: Final = {
    _SHIELD: 1,
    "regional edge caches in the US and Europe": None,  # the figure
    "regional edge caches of all regions": 13,
    "edge locations that share nothing, such as": 100,
}
_PHOTO, _VIEWS = "GET /photos/{photo_id}", "GET /photos/{photo_id}/views"


def edge_cache_table(
    scenario: Scenario, stack: StackSettings, figures: Figures, prices: Mapping[str, Price]
) -> str:
    """The table in Markdown."""
    lines = [
        "| caches that ask the API | number | reads of a photo that reach the API"
        " | reads of its views | requests to the API | a month |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    regional = _load(scenario, stack, figures)
    for name, number in _CACHES.items():
        changed = with_figure(figures, "regional_caches", number or figures.regional_caches)
        load = _load(scenario, stack, changed)
        usd = bill(scenario, stack, changed, prices).usd
        if name == _SHIELD:
            usd += prices["origin_shield"].cost(
                _shielded(regional, figures.regional_caches) * MONTH, free_tier=False
            )
        lines.append(
            f"| {name} | {changed.regional_caches:,.0f} | {_share(load, _PHOTO)}"
            f" | {_share(load, _VIEWS)} | {load.api_requests:,.0f}/s | {dollars(usd)} |"
        )
    return "\n".join(lines) + "\n"


def _load(scenario: Scenario, stack: StackSettings, figures: Figures) -> Load:
    return load_of(scenario, stack, figures, shards=shards_needed(scenario, stack))


def _share(load: Load, route: str) -> str:
    return f"{load.fetches[route] / load.requests[route]:.0%}"


def _shielded(load: Load, caches: float) -> float:
    """Requests per second that AWS bills as requests to Origin Shield.

    Requests that are not cached always count. Of the others those count that come from a regional
    edge cache in another region than Origin Shield's.
    """
    not_cached = sum(
        rate for route, rate in load.requests.items() if not route.startswith("GET /photos")
    )
    return not_cached + (load.api_requests - not_cached) * (1 - 1 / caches)

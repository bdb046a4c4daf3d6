"""`make cost`: a month's bill for a scenario, the idle cost, and the limits that come first.

A scenario describes the traffic: hobby, million, internet, or a file like those in
ops/cost/scenarios/.
"""

import argparse
import functools
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Console

from ops.arguments import add_parameters
from ops.cost.abuse import abuse_table
from ops.cost.edge_cache_table import edge_cache_table
from ops.cost.figures import FigureError, Figures, load_figures
from ops.cost.limits import limits
from ops.cost.prices import Price, load_prices
from ops.cost.report import WIDTH, CostEstimate, as_text, cost_tables, render, with_table
from ops.cost.scenario import Scenario, ScenarioError, load_scenario, without_traffic
from ops.cost.stack_settings import read_stack_settings
from ops.cost.usage import bill
from ops.cost.view_paths import view_paths_table, views_api_table
from ops.plot_file import plot_file
from tools.translate import ROOT, load_template

STAGES: Final = ("dev", "prod")
COMMITTED: Final = ("hobby", "million", "internet")
COMPARED: Final = ("million", "internet")
DOCUMENTS: Final = ROOT / "docs" / "cost"
SECURITY: Final = ROOT / "docs" / "security.md"
README: Final = DOCUMENTS / "README.md"
DEPLOY: Final = ROOT / "docs" / "deploy.md"


def answer(
    scenario: Scenario,
    figures: Figures,
    prices: dict[str, Price],
    *,
    stage: str = "prod",
    parameters: dict[str, str] | None = None,
    free_tier: bool = False,
) -> CostEstimate:
    """The bill, the idle cost and the limits of a scenario on a stage of template.yaml.

    The stack has the scenario's parameters, unless `parameters` has others.

    Raises:
        ValueError: a parameter is not valid.
    """
    template = _template()
    given = parameters or {}
    stacks = {name: read_stack_settings(template, {**given, "Stage": name}) for name in STAGES}
    used = {**scenario.parameters, **given}
    stack = read_stack_settings(template, {**used, "Stage": stage})
    return CostEstimate(
        scenario=scenario,
        stage=stage,
        parameters=used,
        free_tier=free_tier,
        bill=bill(scenario, stack, figures, prices, free_tier=free_tier),
        idle={
            name: bill(without_traffic(scenario), stack, figures, prices, free_tier=free_tier)
            for name, stack in stacks.items()
        },
        limits=limits(scenario, stack, figures),
    )


_template = functools.cache(load_template)


def documents() -> dict[Path, str]:
    """The content of the committed reports and of the pages with tables of costs, by path."""
    figures, prices = load_figures({}), load_prices()
    found = {name: answer(load_scenario(name), figures, prices) for name in COMMITTED}
    reports = {
        DOCUMENTS / f"{name}.txt": as_text(each, prices, figures) for name, each in found.items()
    }
    stack = read_stack_settings(_template(), {"Stage": "prod"})
    abuse = abuse_table(load_scenario("million"), stack, figures, prices)
    internet = load_scenario("internet")
    large = read_stack_settings(_template(), {**internet.parameters, "Stage": "prod"})
    caches = edge_cache_table(internet, large, figures, prices)
    paths = view_paths_table(internet, large, figures, prices)
    readme = with_table(README.read_text(), "caches", caches)
    readme = with_table(readme, "view paths", paths)
    return reports | {
        README: with_table(readme, "views api", views_api_table(_by_views_api(figures, prices))),
        SECURITY: with_table(SECURITY.read_text(), "cost of abuse", abuse),
        DEPLOY: with_table(DEPLOY.read_text(), "costs", cost_tables(found.values(), prices)),
    }


def _by_views_api(
    figures: Figures, prices: dict[str, Price]
) -> dict[str, tuple[CostEstimate, CostEstimate]]:
    """Each committed scenario with the views through the REST API, and through the URL."""
    found = {}
    for name in COMMITTED:
        scenario = load_scenario(name)
        rest, url = (
            answer(scenario, figures, prices, parameters={"ViewsApi": each})
            for each in ("rest", "function-url")
        )
        found[name] = (rest, url)
    return found


def write() -> None:
    """Write the committed documents and their plot."""
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    figures, prices = load_figures({}), load_prices()
    _draw(DOCUMENTS / "scenarios.svg", figures, prices)
    from ops.cost.comparison_plot import draw_comparison  # noqa: PLC0415 - as below

    for name in COMPARED:
        found = answer(load_scenario(name), figures, prices)
        draw_comparison(name, found, prices, DOCUMENTS / f"{name}-before-and-now.svg")


def as_json(found: CostEstimate, prices: dict[str, Price]) -> dict[str, Any]:
    """The report as JSON values, for programs."""
    return {
        "scenario": msgspec.to_builtins(found.scenario),
        "stage": found.stage,
        "parameters": found.parameters,
        "free_tier": found.free_tier,
        "usd": found.bill.usd,
        "lines": [
            {"service": prices[line.meter].service, **msgspec.to_builtins(line)}
            for line in found.bill.lines
        ],
        "idle_usd": {stage: idle.usd for stage, idle in found.idle.items()},
        "limits": [
            {
                "what": limit.quota.what,
                "times": limit.times if math.isfinite(limit.times) else None,
                "used": limit.used,
                "limit": limit.quota.limit,
                "unit": limit.quota.unit,
                "raised_by": limit.quota.raised_by,
                "then": limit.quota.remedy,
            }
            for limit in found.limits
        ],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 2 after a message about an invalid argument."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except (FigureError, ScenarioError, ValueError) as error:
        print(f"cost: {error}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    if options.write:
        write()
        return 0
    figures, prices = load_figures(_pairs(options.figure)), load_prices()
    asked: dict[str, Any] = {
        "stage": options.stage,
        "parameters": _pairs(options.parameter),
        "free_tier": options.free_tier,
    }
    if options.plot:
        _draw(options.plot, figures, prices, **asked)
        return 0
    changes = _pairs(options.set)
    for field, value in (
        ("photos_per_day", options.photos_per_day),
        ("visits_per_day", options.visits_per_day),
    ):
        if value is not None:
            changes[field] = str(value)
    if options.views_per_second is not None:
        changes["views_per_day"] = str(options.views_per_second * 86_400)
    found = answer(load_scenario(options.scenario, changes), figures, prices, **asked)
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(as_json(found, prices))).decode())
        sys.stdout.write("\n")
    else:
        Console(width=max(WIDTH, Console().width)).print(render(found, prices, figures))
    return 0


def _draw(file: Path, figures: Figures, prices: dict[str, Price], **asked: Any) -> None:
    from ops.cost.plot import draw  # noqa: PLC0415 - matplotlib takes seconds

    answers = {name: answer(load_scenario(name), figures, prices, **asked) for name in COMMITTED}
    draw(answers, prices, file)
    print(f"✓ {file}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make cost", description=__doc__)
    add = parser.add_argument
    add("--scenario", default="million", help="name or file of a scenario (default: million)")
    add("--stage", choices=STAGES, default="prod", help="stage of the stack (default: prod)")
    add("--photos-per-day", type=float, metavar="N", help="new photos per day")
    add(
        "--views-per-second",
        type=float,
        metavar="N",
        help="average views of photo pages per second",
    )
    add("--visits-per-day", type=float, metavar="N", help="visits of the gallery page per day")
    add("--set", action="append", default=[], metavar="KEY=N", help="override a scenario's field")
    add("--figure", action="append", default=[], metavar="KEY=N", help="override a figure")
    add_parameters(parser)
    add("--free-tier", action="store_true", help="subtract the free tier that does not expire")
    add("--json", action="store_true", help="print JSON")
    add("--plot", type=plot_file, metavar="FILE.svg", help="only draw the three scenarios")
    add("--write", action="store_true", help="only write docs/cost and the tables in docs")
    return parser


def _pairs(texts: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"invalid argument {text!r}: expected KEY=VALUE")
        pairs[name] = value
    return pairs


if __name__ == "__main__":
    sys.exit(main())

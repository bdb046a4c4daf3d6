"""The cost report as text: bill, idle cost and limits."""

import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ops.cost.figures import Figures
from ops.cost.limits import Limit
from ops.cost.prices import Price, prices_as_of
from ops.cost.scenario import Scenario
from ops.cost.usage import Bill, BillLine

WIDTH = 130
_UNVERIFIED = "†"
_SHOWN = 0.005  # dollars; smaller lines are only counted
_BARS = 8  # services in a plot; all others share one bar
_FAR = 10_000  # factor of the traffic; limits beyond it are only named
_EDGE = "edge_requests"
_EDGE_LOGS = (
    "Not included: the log lines of the edge function. They are stored and billed in the region of"
    " each run, until `make destroy` deletes them in all regions."
)


class CostEstimate(msgspec.Struct, frozen=True):
    """The answer for a scenario; `idle` by stage."""

    scenario: Scenario
    stage: str
    parameters: dict[str, str]
    free_tier: bool
    bill: Bill
    idle: dict[str, Bill]
    limits: list[Limit]


def as_text(answer: CostEstimate, prices: Mapping[str, Price], figures: Figures) -> str:
    """The report as plain text, as it is committed."""
    written = io.StringIO()
    Console(file=written, width=WIDTH, color_system=None).print(render(answer, prices, figures))
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()) + "\n"


def render(answer: CostEstimate, prices: Mapping[str, Price], figures: Figures) -> RenderableType:
    """The whole report."""
    free = "free tier subtracted" if answer.free_tier else "no free tier"
    return Group(
        Text(answer.scenario.title, style="bold"),
        Text(
            f"Stage {answer.stage}{_given(answer.parameters)} in us-east-1, on-demand list prices"
            f" as of {prices_as_of()}, {free}; a month has 730 hours."
        ),
        Text(f"\n{dollars(answer.bill.usd)} per month, if all exceeded limits are raised.\n"),
        _bill_table(answer.bill, prices),
        Text(),
        _idle_table(answer.idle, prices),
        Text(),
        Text(summary(answer.limits), style="bold"),
        _limits_table(answer.limits),
        _far(answer.limits),
        Text(),
        Text(
            f"{_UNVERIFIED} Not verified: the number is neither from an AWS page nor from a dated"
            " source; see ops/cost/*.toml."
        ),
        Text("Assumed, not measured: " + ", ".join(_assumed(figures)) + "."),
        *([Text(_EDGE_LOGS)] if any(each.meter == _EDGE for each in answer.bill.lines) else []),
    )


def _given(parameters: Mapping[str, str]) -> str:
    given = ", ".join(f"{name}={value}" for name, value in parameters.items())
    return f" with {given}" if given else ""


def summary(found: list[Limit]) -> str:
    """One or two sentences that say whether the stack can process the traffic."""
    first, exceeded = found[0], [limit for limit in found if limit.is_exceeded]
    if not exceeded:
        return (
            "The stack processes this traffic at its peak. The first limit is reached at"
            f" {times(first.times)} times this traffic: {first.quota.what}."
        )
    return (
        f"The stack does NOT process this traffic: its peak exceeds {len(exceeded)} of"
        f" {len(found)} limits, {_raised(exceeded)}. The first is reached at"
        f" {times(first.times)} times this traffic: {first.quota.what}."
    )


def _raised(exceeded: Iterable[Limit]) -> str:
    counts = Counter(limit.quota.raised_by for limit in exceeded)
    return ", ".join(f"{count} to be raised by {what}" for what, count in counts.most_common())


def bars(bill: Bill, prices: Mapping[str, Price]) -> dict[str, float]:
    """The most expensive services of a month, and the sum of all others."""
    totals = list(bill.by_service(prices).items())
    shown = dict(totals[:_BARS])
    if rest := sum(usd for _, usd in totals[_BARS:]):
        shown["others"] = rest
    return shown


def label(usd: float, whole: float) -> str:
    """The text beside a bar."""
    return f"{dollars(usd)}  ({usd / whole:.0%})"


def dollars(usd: float) -> str:
    """Dollars as text, with cents below a thousand."""
    if 0 < usd < 0.005:
        return "<$0.01"
    return f"${usd:,.2f}" if usd < 1000 else f"${usd:,.0f}"


def number(value: float) -> str:
    """A number with three significant digits, or more if it is 1,000 or larger."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def times(value: float) -> str:
    """A factor of the traffic, with three significant digits."""
    return "never" if math.isinf(value) else _rounded(value)


def _rounded(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:,.0f} million"
    return number(float(f"{value:.3g}"))


def _bill_table(found: Bill, prices: Mapping[str, Price]) -> Table:
    table = Table(title="Bill of a month", title_justify="left", width=WIDTH)
    table.add_column("service", no_wrap=True)
    table.add_column("what", ratio=1)
    for heading in ("quantity", "unit", "unit price", "USD"):
        table.add_column(heading, justify="left" if heading == "unit" else "right", no_wrap=True)
    small = 0
    for service, usd in found.by_service(prices).items():
        lines = [line for line in found.lines if prices[line.meter].service == service]
        shown = [line for line in lines if line.usd >= _SHOWN]
        small += len(lines) - len(shown)
        if shown:
            table.add_row(service, "", "", "", "", dollars(usd), style="bold")
        for line in sorted(shown, key=lambda line: -line.usd):
            table.add_row("", *_cells(line, prices[line.meter]))
    if small:
        table.add_row("others", f"{small} lines below one cent each")
    table.add_section()
    table.add_row("all", "", "", "", "", dollars(found.usd), style="bold")
    return table


def _cells(line: BillLine, price: Price) -> tuple[str, ...]:
    unit_price = line.usd / line.quantity * price.per
    mark = "" if price.is_verified else f" {_UNVERIFIED}"
    return (
        _name(line, price) + mark,
        number(line.quantity / price.per),
        price.unit,
        f"{unit_price:.10f}".rstrip("0").rstrip(".") if unit_price < 0.001 else f"{unit_price:.4g}",
        dollars(line.usd),
    )


def _name(line: BillLine, price: Price) -> str:
    return f"{price.label}: {line.what}" if line.what else price.label


def cost_tables(found: Iterable[CostEstimate], prices: Mapping[str, Price]) -> str:
    """Tables in Markdown: the idle stages, and the bill of each scenario."""
    estimates = list(found)
    lines = ["| idle stack | a month | of this |", "|---|---:|---|"]
    lines += [
        f"| `{stage}` | {dollars(idle.usd)} | {_parts(idle, prices)} |"
        for stage, idle in estimates[0].idle.items()
    ]
    lines += ["", "| traffic | a month | limits to raise or design away first |", "|---|---:|---:|"]
    for each in estimates:
        exceeded = sum(limit.is_exceeded for limit in each.limits)
        usd = float(f"{each.bill.usd:.2g}")
        lines.append(f"| {each.scenario.title} | ${usd:,.0f} | {exceeded or 'none'} |")
    return "\n".join(lines) + "\n"


def with_table(page: str, name: str, text: str) -> str:
    """A page with this text between its comments `<!-- name -->` and `<!-- end -->`."""
    between = rf"(?<=<!-- {re.escape(name)} -->\n).*?(?=<!-- end -->)"
    return re.sub(between, lambda _: text, page, flags=re.DOTALL)


def _parts(idle: Bill, prices: Mapping[str, Price]) -> str:
    lines = sorted(idle.lines, key=lambda line: -line.usd)
    return "; ".join(
        f"{dollars(line.usd)} {_name(line, prices[line.meter])}"
        for line in lines
        if line.usd >= _SHOWN
    )


def _idle_table(idle: Mapping[str, Bill], prices: Mapping[str, Price]) -> Table:
    table = Table(
        title="Idle cost: no requests, nothing stored, without the scenario's parameters",
        title_justify="left",
        width=WIDTH,
    )
    table.add_column("stage")
    table.add_column("USD per month", justify="right")
    table.add_column("parts", ratio=1)
    for stage, found in idle.items():
        table.add_row(stage, dollars(found.usd), _parts(found, prices))
    return table


def _limits_table(found: list[Limit]) -> Table:
    table = Table(
        title="Limits in the order in which growing traffic reaches them",
        title_justify="left",
        width=WIDTH,
    )
    table.add_column("at … times", justify="right")
    table.add_column("limit", ratio=5)
    table.add_column("peak use", justify="right", no_wrap=True)
    table.add_column("raised by", no_wrap=True)
    table.add_column("what to do", ratio=5)
    for limit in _near(found):
        quota = limit.quota
        mark = "" if quota.is_verified else f" {_UNVERIFIED}"
        table.add_row(
            times(limit.times),
            quota.what + mark,
            f"{_scaled(limit.used, quota.limit)} {quota.unit}",
            quota.raised_by,
            quota.remedy,
            style="red" if limit.is_exceeded else "",
        )
    return table


def _near(found: list[Limit]) -> list[Limit]:
    return [limit for limit in found if limit.times < _FAR]


def _far(found: list[Limit]) -> Text:
    names = [limit.quota.what for limit in found if limit not in _near(found)]
    return Text(
        f"Reached beyond {_FAR:,} times this traffic, or never: {'; '.join(names)}."
        if names
        else ""
    )


def _scaled(used: float, limit: float) -> str:
    """`used of limit`, both in billions if the limit is at least a billion."""
    size, name = (1e9, " billion") if limit >= 1e9 else (1, "")
    return f"{number(used / size)} of {number(limit / size)}{name}"


def _assumed(figures: Figures) -> list[str]:
    return [
        f"{name} {number(figure.value)}"
        for name, figure in figures.all.items()
        if figure.is_assumed
    ]

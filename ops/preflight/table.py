"""The findings and the plan as tables for a terminal of at least 80 columns."""

from collections.abc import Iterable, Mapping
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ops.preflight.findings import CheckResult, Finding

_STYLES: Final = {
    CheckResult.READY: "green",
    CheckResult.WARNING: "yellow",
    CheckResult.BLOCKED: "bold red",
}


def findings_table(findings: Iterable[Finding]) -> Table:
    """One row per finding; findings of the same check have its name only once."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("finding", ratio=1, overflow="fold")
    before = ""
    for each in findings:
        style = _STYLES[each.result]
        name = "" if each.check == before else each.check
        before = each.check
        name_style = "" if each.result is CheckResult.READY else style
        result = Text(str(each.result), style=style)
        table.add_row(Text(name, style=name_style), result, Text(each.sentence))
    return table


def plan_table(created: Mapping[str, str], idle: str) -> RenderableType:
    """The resources of the stack, and their cost while idle."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("service", no_wrap=True)
    table.add_column("resources of the stack", ratio=1)
    for service, resources in created.items():
        table.add_row(service, escape(resources))
    return Group(table, Text.assemble(("Idle cost  ", "bold"), idle))


def verdict(findings: list[Finding], *, offline: bool) -> Text:
    """Whether anything prevents a deployment, in a sentence."""
    blocking = sum(each.result is CheckResult.BLOCKED for each in findings)
    warnings = sum(each.result is CheckResult.WARNING for each in findings)
    if blocking:
        count = "One check prevents" if blocking == 1 else f"{blocking} checks prevent"
        return Text(f"✗ {count} a deployment.", style="bold red")
    what = "Nothing that can be checked without an account" if offline else "Nothing"
    if warnings == 0:
        note = ""
    elif warnings == 1:
        note = " One warning."
    else:
        note = f" {warnings} warnings."
    return Text(f"✓ {what} prevents a deployment.{note}", style="bold green")

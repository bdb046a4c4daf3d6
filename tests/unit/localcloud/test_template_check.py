"""What is shown of a template's limitations."""

import io

from rich.console import Console

from localcloud.ministack.resource_types import CHANGED, Limitation
from localcloud.template_check import Checked


def test_table_shows_whole_names_in_a_narrow_terminal():
    name, kind = "GatewayAuthorizerFunctionOfTheShop", "AWS::ElasticLoadBalancingV2::ListenerRule"
    console = Console(file=io.StringIO(), width=60)
    console.print(Checked([Limitation(name, kind, CHANGED, "because")], frozenset()).table())
    rows = [line.split("│")[1:3] for line in console.file.getvalue().splitlines() if "│" in line]
    shown = ["".join(cell.strip() for cell in column) for column in zip(*rows, strict=True)]
    assert shown == [name, kind]

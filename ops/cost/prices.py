"""List prices, and the cost of a quantity."""

import math
import tomllib
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

_FILE: Final = Path(__file__).with_name("prices.toml")
_DATE: Final = "as_of"


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price of `per` units for the part of a month's quantity above `above`."""

    above: float
    usd: float


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price of one meter. Quantities are in single units; `unit` names `per` of them."""

    service: str
    label: str
    unit: str
    per: float
    tiers: list[Tier]
    source: str
    seen: str
    free: float = 0

    @property
    def is_verified(self) -> bool:
        """Whether the number was read on an AWS page or has a known date."""
        return "unverified" not in self.seen and "undated" not in self.seen

    def cost(self, quantity: float, *, free_tier: bool) -> float:
        """US dollars for the quantity of a month."""
        billed = max(0.0, quantity - self.free) if free_tier else quantity
        ends = [tier.above for tier in self.tiers[1:]] + [math.inf]
        return sum(
            max(0.0, min(billed, end) - tier.above) / self.per * tier.usd
            for tier, end in zip(self.tiers, ends, strict=True)
        )


def load_prices() -> dict[str, Price]:
    """The prices in prices.toml, by meter."""
    values = tomllib.loads(_FILE.read_text())
    return msgspec.convert(
        {meter: value for meter, value in values.items() if meter != _DATE}, dict[str, Price]
    )


def prices_as_of() -> date:
    """The day of the last review of prices.toml."""
    return msgspec.convert(tomllib.loads(_FILE.read_text())[_DATE], date)

"""List prices, and what a quantity costs at them."""

import math
import tomllib
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

_FILE: Final = Path(__file__).with_name("prices.toml")
_DATE: Final = "as_of"


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `per` units cost from so many in a month on."""

    above: float
    usd: float


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that AWS bills; quantities are in single units, `unit` names `per` of them."""

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
        """Whether the number was found on a page of AWS's, or of a known date."""
        return "unverified" not in self.seen and "undated" not in self.seen

    def cost(self, quantity: float, *, free_tier: bool) -> float:
        """US dollars for a month's quantity."""
        billed = max(0.0, quantity - self.free) if free_tier else quantity
        ends = [tier.above for tier in self.tiers[1:]] + [math.inf]
        return sum(
            max(0.0, min(billed, end) - tier.above) / self.per * tier.usd
            for tier, end in zip(self.tiers, ends, strict=True)
        )


def load_prices() -> dict[str, Price]:
    """Prices by meter, as prices.toml has them."""
    values = tomllib.loads(_FILE.read_text())
    return msgspec.convert(
        {meter: value for meter, value in values.items() if meter != _DATE}, dict[str, Price]
    )


def prices_as_of() -> date:
    """The day on which prices.toml was last looked through."""
    return msgspec.convert(tomllib.loads(_FILE.read_text())[_DATE], date)

"""A scenario: the traffic to compute, from a file and from options."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

DAY: Final = 86_400.0
SCENARIOS: Final = Path(__file__).parent / "scenarios"

type Count = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
type Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
type AtLeastOne = Annotated[float, msgspec.Meta(ge=1, le=1e15)]


class ScenarioError(Exception):
    """A scenario is not valid; the message says which field and why."""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Averages over a month of 30.4 days; docs/cost/README.md describes each field."""

    title: str
    photos_per_day: Count
    photos_stored: Count
    deleted_share: Share
    failed_share: Share
    original_bytes: Count
    renditions_bytes: Count
    large_bytes: Count
    tile_bytes: Count
    views_per_day: Count
    seconds_on_photo: Count
    photos_viewed: AtLeastOne
    popularity: Annotated[float, msgspec.Meta(ge=0, le=3)]
    visits_per_day: Count
    lists_per_visit: Count
    tiles_per_visit: Count
    new_visitor_share: Share
    image_hit_share: Share
    page_hit_share: Share
    photo_page_hit_share: Share
    active_users: Count
    sign_ins_per_day: Count
    signed_in_share: Share
    notifications_per_month: Count
    cold_start_share: Share
    peak_factor: AtLeastOne
    parameters: dict[str, str] = {}

    def scaled(self, factor: float) -> "Scenario":
        """The scenario with `factor` times the users, photos and views."""
        changes = {name: getattr(self, name) * factor for name in _SCALING}
        changes["photos_viewed"] = max(1.0, changes["photos_viewed"])
        return msgspec.structs.replace(self, **changes)


_SETTABLE: Final = [name for name in Scenario.__struct_fields__ if name != "parameters"]
_SCALING: Final = (
    "photos_per_day",
    "photos_stored",
    "views_per_day",
    "photos_viewed",
    "visits_per_day",
    "active_users",
    "sign_ins_per_day",
)


def load_scenario(name: str, changes: Mapping[str, str] | None = None) -> Scenario:
    """Read a scenario by name or from a file, and apply `changes` by field.

    Raises:
        ScenarioError: it does not exist, or a field is missing, unknown or out of bounds.
    """
    path = SCENARIOS / f"{name}.toml"
    if not path.is_file():
        path = Path(name)
    try:
        values = msgspec.toml.decode(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError):
        known = ", ".join(sorted(each.stem for each in SCENARIOS.glob("*.toml")))
        raise ScenarioError(f"no scenario {name!r}: pass a file, or one of {known}") from None
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise ScenarioError(f"{path}: {error}") from error
    scenario = _valid(values, f"{path}: ")
    for field, text in (changes or {}).items():
        if field not in _SETTABLE:
            fields = ", ".join(_SETTABLE)
            raise ScenarioError(f"unknown field {field!r}: expected one of {fields}")
        values[field] = text if field == "title" else _number(field, text)
        scenario = _valid(values, f"{field} is {text!r}: ")
    if changes and "title" not in changes:
        changed = ", ".join(f"{field}={text}" for field, text in changes.items())
        return msgspec.structs.replace(scenario, title=f"{scenario.title}, with {changed}")
    return scenario


def _valid(values: Mapping[str, Any], where: str) -> Scenario:
    try:
        return msgspec.convert(values, Scenario)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{where}{error}") from error


def with_peak_views(scenario: Scenario, views_per_second: float) -> Scenario:
    """The scenario, scaled so that the busiest second has this number of views."""
    return scenario.scaled(views_per_second * DAY / scenario.views_per_day / scenario.peak_factor)


def without_traffic(scenario: Scenario) -> Scenario:
    """The scenario without requests and without photos."""
    nothing = scenario.scaled(0)
    return msgspec.structs.replace(nothing, notifications_per_month=0, cold_start_share=1)


def _number(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ScenarioError(f"{field} is {text!r}: expected a number") from None

"""The part of requirements/dev.txt that some packages need, pinned and hashed as it is there."""

import re
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ENTRY: Final = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")


def direct_requirements(lines: Iterable[str], packages: Iterable[str]) -> list[str]:
    """The lines of a requirements file for packages, by the names that Python imports."""
    distributions = metadata.packages_distributions()
    wanted = {
        canonicalize_name(name)
        for package in packages
        for name in distributions.get(package, [package])
    }
    return sorted(
        line
        for line in lines
        if (match := _NAME.match(line)) and canonicalize_name(match[0]) in wanted
    )


def pinned_requirements(locked: str, direct: Iterable[str]) -> str:
    """The entries of a compiled requirements file for these requirements and all that they need."""
    entries = {
        canonicalize_name(match[0]): entry
        for entry in _ENTRY.split(locked)
        if (match := _NAME.match(entry))
    }
    kept: dict[str, set[str]] = {}
    todo = [Requirement(line) for line in direct]
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name not in entries or (name in kept and requirement.extras <= kept[name]):
            continue
        kept[name] = kept.get(name, set()) | requirement.extras
        todo += _needs(name, kept[name])
    return "".join(entry for name, entry in entries.items() if name in kept)


def _needs(name: str, extras: set[str]) -> list[Requirement]:
    """What a package asks for on some machine: markers of machines are not evaluated."""
    try:
        declared = metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # needed on other machines only
        return []
    found = [Requirement(text) for text in declared]
    return [each for each in found if _applies(each, extras)]


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    if requirement.marker is None or "extra" not in str(requirement.marker):
        return True
    environments: list[Mapping[str, str]] = [{"extra": extra} for extra in extras]
    return any(requirement.marker.evaluate(dict(each)) for each in environments)

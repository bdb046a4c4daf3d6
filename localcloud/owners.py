"""Which process runs a laptop cloud, and for which application: `owner.json` in its folder."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

_FILE: Final = "owner.json"


@dataclass(frozen=True)
class Owner:
    """A process that runs a laptop cloud; the last five fields are set before it deploys."""

    process: int
    host: str
    since: str
    template: str = ""
    stack: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    builds: str = ""  # the folder, if it is not the default one
    urls: tuple[str, ...] = ()  # of distributions


def write(folder: Path, host: str) -> None:
    """Make this process the owner of the laptop cloud in a folder."""
    since = datetime.now().astimezone().strftime("%H:%M")
    _store(folder, Owner(os.getpid(), host, since))


def add(
    folder: Path,
    *,
    template: Path,
    stack: str,
    parameters: Mapping[str, str],
    builds: Path | None = None,
    urls: tuple[str, ...] = (),
) -> None:
    """Record what the owner deploys.

    Raises:
        FileNotFoundError: the folder has no owner.
    """
    owner = read(folder)
    if not owner:
        raise FileNotFoundError(folder / _FILE)
    _store(
        folder,
        replace(
            owner,
            template=str(template),
            stack=stack,
            parameters=parameters,
            builds=str(builds or ""),
            urls=urls,
        ),
    )


def read(folder: Path) -> Owner | None:
    """The owner of a folder; None if there is none."""
    try:
        found = json.loads((folder / _FILE).read_text())
        return Owner(**{**found, "urls": tuple(found.get("urls", ()))})
    except (OSError, ValueError, TypeError):  # another version of localcloud may have written it
        return None


def remove(folder: Path) -> None:
    """Remove the owner of the folder."""
    (folder / _FILE).unlink(missing_ok=True)


def running(state: Path) -> Iterator[tuple[int, Owner]]:
    """The laptop clouds below a state folder whose process still runs, with their ports."""
    for file in sorted(state.glob(f"[0-9]*/{_FILE}")):
        owner = read(file.parent)
        if owner and file.parent.name.isdecimal() and _is_running(owner.process):
            yield int(file.parent.name), owner


def _store(folder: Path, owner: Owner) -> None:
    new = folder / f"{_FILE}.new"
    new.write_text(json.dumps(asdict(owner)))
    new.replace(folder / _FILE)


def _is_running(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False

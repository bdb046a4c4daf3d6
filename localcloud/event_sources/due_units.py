"""Which units of work of an engine can be done now, and how long to wait for the next one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

from localcloud.event_sources.tasks import Deliver, Unit


class DueUnits(ABC):
    """What the engines of streams and of queues share."""

    _clock: Callable[[], float]

    def ready(self) -> list[Unit]:
        """Units that can be done now; the order depends only on the engine's state."""
        now = self._clock()
        return [unit for unit in self._units() if self._is_due(unit, now)]

    def wait(self) -> float | None:
        """Seconds until the next `Deliver` is due, 0 if one is due; None if none is known."""
        due = [self._due_at(unit) for unit in self._units() if isinstance(unit, Deliver)]
        known = [at for at in due if at is not None]
        return max(min(known) - self._clock(), 0) if known else None

    def _is_due(self, unit: Unit, now: float) -> bool:
        at = self._due_at(unit)
        return at is not None and at <= now

    @abstractmethod
    def _units(self) -> Iterator[Unit]:
        """All units that exist now."""

    @abstractmethod
    def _due_at(self, unit: Unit) -> float | None:
        """When a unit can be done; None if that depends on something that is not known yet."""

"""The feeder of a simulated run: it has its own time, so a source that sleeps holds up no call."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from iobound.models.feeders import Feeder
from iobound.models.sources import close_items, is_run
from iobound.testing.clock import Hangs

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.models.driver import Driver
    from iobound.testing.clock import Appointment, VirtualClock


class SimulatedFeeder(Feeder):
    """Any iterable: pulled as far as the window has room; while it sleeps, the calls go on."""

    here = True

    def __init__(self, driver: Driver, time: VirtualClock) -> None:
        super().__init__(driver)
        self.time = time
        self.items: Any = None
        self.pulling = False
        self.arrival: Appointment | None = None

    def pull(self) -> bool:
        """Pull what comes at once. Whether there was anything."""
        before, was_open = self.core.delivery.pulled, self.core.source_open
        while not self.pulling and self._wanted() and not is_run(self.source):
            self._pull_one()
        return self.core.delivery.pulled > before or self.core.source_open is not was_open

    def pull_here(self) -> bool:
        """An earlier stage moves the time itself: it is asked when nothing of this stage is ready."""
        if not is_run(self.source) or not self._wanted():
            return False
        try:
            if self.items is None:
                self.items = iter(self.source.outcomes())
            self.give_outcome(next(self.items), self.source.name)
        except StopIteration:
            self.end()
        except BaseException as error:  # noqa: BLE001 - the source's own exception is delivered
            self.end(error)
        return True

    def halt(self) -> None:
        """What the source was about to give does not come any more; stop an earlier stage too."""
        if self.arrival is not None:
            self.arrival.cancel()
        if is_run(self.source):
            self.source.cancel()

    def close(self, left: float) -> None:
        """Close the source, if it is of the kind that a run closes."""
        close_items(self.items, left)

    def _wanted(self) -> bool:
        return self.core.source_open and self.core.admitting and self.core.delivery.room > 0

    def _pull_one(self) -> None:
        """Begin to pull one item; if the source sleeps, it arrives later."""
        self.pulling = True
        arrive: Callable[[], None] = self.end
        with self.time.ahead() as ahead:
            try:
                if self.items is None:
                    self.items = iter(self.source)
                arrive = partial(self.give, next(self.items))
            except StopIteration:
                pass
            except BaseException as error:
                if isinstance(error, Hangs):
                    raise
                arrive = partial(self.end, error)
        if ahead.hung:
            return
        if ahead.seconds:
            self.arrival = self.time.call_at(self.time.now() + ahead.seconds, partial(self._arrive, arrive))
        else:
            self.pulling = False
            arrive()

    def _arrive(self, arrive: Callable[[], None]) -> None:
        self.pulling = False
        if self.core.admitting:
            arrive()
            self.driver.workers.stir()

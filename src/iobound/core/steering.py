"""A run and its limit: what is counted for it, and what it changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.words.clock import FOREVER
from iobound.words.totals import Totals

if TYPE_CHECKING:
    from iobound.core.run import Core
    from iobound.words.attempt import Attempt
    from iobound.words.limiting import Limit


class Gauge:
    """How many calls are in flight, and the seconds that they have been, all together."""

    __slots__ = ("_area", "_since", "level")

    def __init__(self, now: float) -> None:
        self.level = 0
        self._since = now
        self._area = 0.0

    def set(self, level: int, now: float) -> None:
        """* From now on there are so many."""
        self._area = self.area(now)
        self.level, self._since = level, now

    def area(self, now: float) -> float:
        """Until now."""
        return self._area + self.level * max(0.0, now - self._since)


class Steering:
    """Called under the lock of the run, but for what `iobound.words.limiting.Run` asks."""

    def __init__(self, core: Core, limit: Limit | None, now: float) -> None:
        self.core = core
        self.gauge = Gauge(now)
        """Kept only for a limit that asks."""
        self.most = core.rules.most
        """It is held to fewer where the machine has no more."""
        self.paced = limit is not None and getattr(limit, "gate", None) in core.rules.gates
        self.seat = None if limit is None else limit.take_seat(self, now)
        if self.seat is not None:
            core.slots.resize(min(self.seat.size, self.most))
            core.delivery.window = core.rules.window(core.slots.limit)

    def resize(self, limit: int, why: str) -> None:
        """The limit changes. Running calls go on; the window follows."""
        core = self.core
        if limit != core.slots.limit:
            core.changes.append((core.slots.limit, limit, why))
        core.slots.resize(limit)
        core.delivery.window = core.rules.window(limit)
        core.starts.retries.resize(limit)
        core.check_slots()  # hung calls may have all that is left

    def leave(self) -> None:
        """The run is over. Takes no lock."""
        if self.seat is not None:
            self.seat.leave()

    def totals(self, now: float) -> Totals:
        """What the run has counted so far."""
        succeeded = timed = logs = squares = seconds = 0.0
        for tally in list(self.core.tallies):
            succeeded += tally.succeeded
            timed += tally.timed
            logs += tally.logs
            squares += tally.squares
            seconds += tally.seconds
        return Totals(succeeded, timed, logs, squares, seconds, self.gauge.area(now))

    def busy(self) -> int:
        """How many of its calls are in flight."""
        return self.gauge.level

    @property
    def why(self) -> str:
        """Why the limit is what it is; empty if it was told."""
        if self.seat is None:
            return ""
        squeezed = self.seat.size > self.most or self.core.slots.recover_at < FOREVER
        return "the machine has no room for more" if squeezed else self.seat.why

    @property
    def next_look(self) -> float:
        """When `look` may change something."""
        return self.core.slots.recover_at if self.seat is None else min(self.core.slots.recover_at, self.seat.next_look)

    def look(self, now: float) -> None:
        """Time has passed."""
        if now >= self.core.slots.recover_at:
            self.resize(self.core.slots.recovered(now), "there may be descriptors again")
        if self.seat is not None:
            if now >= self.seat.next_look:
                self.seat.look(now)
            self._follow()

    def heard(self, attempt: Attempt, now: float) -> None:
        """A failure tells about the load on the other side."""
        if self.seat is not None and attempt.told is not None:
            self.seat.heard(attempt.told, self.gauge.level, now)
            self._follow()

    def squeezed(self, attempt: Attempt, now: float) -> bool:
        """A call found no descriptor left: fewer may run, unless it was alone."""
        limit = self.core.slots.squeeze(attempt, now)
        if limit:
            self.resize(limit, "no descriptor was left")
        return limit > 0

    def hold_to(self, most: int, why: str) -> None:
        """The machine has no room for more."""
        self.most = most
        self.resize(most, why)

    def _follow(self) -> None:
        assert self.seat is not None  # noqa: S101 - whoever follows has one
        slots, size = self.core.slots, min(self.seat.size, self.most)
        if slots.recover_at < FOREVER:  # there were too few descriptors: back to it step by step
            slots.wanted, size = size, min(size, slots.limit)
        if size != slots.limit:
            self.resize(size, self.why)

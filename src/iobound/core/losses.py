"""Losses: the time in which places were free and nothing could start, by what held the run back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iobound.core.run import Core

ROUTE = ("order", "source", "consumer")
"""What can hold back a run that has no limits."""


class Times:
    """One cause at a time, from when it is noted until another one is, or none."""

    __slots__ = ("held", "item", "longest", "since", "waits_for", "why")

    def __init__(self) -> None:
        self.held = dict.fromkeys(ROUTE, 0.0)
        """Seconds, by their cause: these, or the name of a limit."""
        self.why = ""
        """What holds the run back now; empty: nothing does."""
        self.since = 0.0
        self.waits_for: int | None = None
        """The item that is waited for, where the cause is the order."""
        self.item: int | None = None
        """The one that was waited for longest."""
        self.longest = 0.0

    def note(self, why: str, waits_for: int | None, now: float) -> None:
        """From now on it is this. While it stays the same, its time goes on."""
        if why != self.why or waits_for != self.waits_for:
            self._count(self.why, self.waits_for, now - self.since)
            self.since, self.why, self.waits_for = now, why, waits_for

    def until(self, now: float) -> Times:
        """A copy, with what holds the run back now counted until now. Takes no lock."""
        why, since, waits_for, copy = self.why, self.since, self.waits_for, Times()
        copy.held, copy.item, copy.longest = dict(self.held), self.item, self.longest
        copy._count(why, waits_for, now - since)
        return copy

    def _count(self, why: str, waits_for: int | None, seconds: float) -> None:
        if not why:
            return
        seconds = max(0.0, seconds)
        self.held[why] = self.held.get(why, 0.0) + seconds
        if waits_for is not None and seconds >= self.longest:
            self.longest, self.item = seconds, waits_for


class Losses:
    """Looks what holds a run back, whenever something has come or gone. Called under the lock of the run."""

    __slots__ = ("core", "free", "times")

    def __init__(self, core: Core) -> None:
        self.core = core
        self.times = Times()
        self.free = False
        """A place is free, as far as is known: there is something to look at."""

    def blocked(self, now: float) -> None:
        """A worker found nothing to start."""
        self.free = True
        self.times.note(*self._cause(), now)

    def review(self, now: float) -> None:
        """What held the run back may do so no longer, or something else does instead."""
        if not self.free:
            return
        core = self.core
        self.free = self._started < core.slots.capacity
        why, waits_for = self._cause() if self.free and not core.more(now) else ("", None)
        self.times.note(why, waits_for, now)

    @property
    def _started(self) -> int:
        """Items that have been started, and have not ended."""
        core = self.core
        waiting = len(core.pending) if core.plain else core.starts.waiting
        return core.delivery.pulled - core.outcomes - waiting

    def _cause(self) -> tuple[str, int | None]:
        core = self.core
        limit = "consumer" if core.crammed else core.starts.held_by
        return (limit, None) if limit or not core.source_open else core.delivery.obstacle

"""How many workers make brief calls: none but the consumer itself, one, or as many as bring something.

Whoever makes a call that waits gives the interpreter lock away and must ask for it again: among calls of microseconds
more threads mostly get in each other's way (the convoy effect: D. Beazley, "Understanding the Python GIL", 2010), by a
factor of ten for files that are cached. But calls that compute without the lock, or wait for a neighbour in the same
rack, gain by every worker. Which it is cannot be told from one call; so it is tried.
"""

from __future__ import annotations

from inspect import GEN_CREATED, getgeneratorstate
from typing import TYPE_CHECKING

from iobound.words.clock import FOREVER
from iobound.words.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Generator

LONGER = 3.3
"""Times the longest brief call. Only such calls are brief no longer, and only if they take so long without others
beside them: workers make each other's longer."""
WORTH = 1.1
"""The throughput that more workers must bring, of what fewer did, or fewer may lose."""
CHANGED = 2.0
"""Times the throughput: the work is another one."""
SECONDS, CALLS = 0.01, 64
"""What a measurement takes at least: two switch intervals of the interpreter."""
ENOUGH = 0.03
"""Seconds for which the fewest may be tried where many are at work."""
SHORT, REST, LONGEST_REST = 0.1, 1.0, 16.0
"""Seconds until other numbers are tried: at first, so that short runs are spared; again; and once it has come out the
same again and again."""


class Lanes:
    """The rule. `look` is called every few milliseconds while calls are brief; whether they are, others say first.

    Args:
        longest: seconds below which calls are brief.
        consumer: the consumer may make them itself, where nobody does better.
        brief: they are taken to be, before the first has ended. Then one worker makes the first.
    """

    def __init__(self, longest: float, *, consumer: bool, brief: bool) -> None:
        self.longest = longest
        self.telling = longest * LONGER
        """Seconds that brief calls may take where there are others beside them."""
        self.brief = brief
        self.number: float = 1 if brief else FOREVER
        """Workers that may be at it; 0: the consumer; infinite: as many as the limit lets."""
        self.best: float | None = None
        """The number that was found to be best; None: nothing was tried, or calls are not brief."""
        self._first = 0 if consumer else 1
        self._plan = self._planned()
        self._origin: Totals | None = Totals() if brief else None
        self._began = self._now = 0.0
        self._left: tuple[float, Totals] | None = None
        """When calls were found not to be brief, about, and what had been counted."""
        self._pause = SHORT
        """Seconds until that is doubted."""
        self._rival = 0.0
        """The throughput of many, where the fewest are tried beside it; 0: they are not."""

    def wait(self) -> None:
        """Calls are not brief: they wait for something."""
        if self._rival:
            self._pause = min(LONGEST_REST, 2 * self._pause)
        self.brief, self.number, self.best = False, FOREVER, None
        self._left, self._rival = None, 0.0

    def doubt(self, now: float, totals: Totals) -> bool:
        """Some calls are brief, though most are not: is it that workers are in each other's way?

        The fewest are tried for a moment, now and then. Whether they are now.
        """
        if self._left is None:
            self._left = now, totals
        if (seconds := now - self._left[0]) < self._pause:
            return False
        self._try((totals - self._left[1]).succeeded / seconds)
        return True

    def _try(self, rival: float) -> None:
        """The fewest are measured; the others had this throughput."""
        self._rival = rival
        self.hurry()

    def double(self, most: int) -> None:
        """No call ends any more, and there are more to make: let others make them."""
        if self._rival:
            self.wait()
            return
        self.number = max(2, 2 * self.number)
        self._plan, self._origin = self._planned(), None
        if self.number >= most:
            self.wait()

    def hurry(self) -> None:
        """They are brief."""
        self.brief, self.number = True, self._first
        self._plan, self._origin = self._planned(), None

    def look(self, now: float, totals: Totals, most: int) -> bool:
        """So much has been counted by now, and no more than `most` may be at it. Whether another number shall be."""
        if self._origin is None:
            self._began, self._origin = now, totals
            return False
        seconds, seen = now - self._began, totals - self._origin
        if (seconds < SECONDS or seen.succeeded < CALLS) and not (self._rival and seconds >= ENOUGH):
            return False
        self._now, self._origin, before, rate = now, None, self.number, seen.succeeded / seconds
        lasting = not self._rival and seen.seconds > self.telling * seen.timed  # on trial end those that began before
        if rate < self._rival or (lasting and self.number <= 1):
            self.wait()
        else:
            self._pause, self._rival = SHORT, 0.0
            self.number = min(most, self._next(rate))
            if lasting and self.number > 1:
                self._try(rate)
        if self.number == before:
            self._began, self._origin = now, totals  # nothing has to settle
        return self.number != before

    def _next(self, rate: float) -> int:
        """The number to go on with, after one that gave this throughput."""
        if getgeneratorstate(self._plan) == GEN_CREATED and (first := next(self._plan)) != self.number:
            return first  # it was begun with another one
        return self._plan.send(rate)

    def _planned(self) -> Generator[int, float, None]:
        """The numbers to try one after the other; each gives its throughput."""
        number, rest = int(self.number), SHORT
        rate = yield number
        number, rate = yield from self._descend(number, rate)
        rate, _ = yield from self._rest(number, rate, SHORT)
        while True:
            best, (number, rate) = number, (yield from self._climb(number, rate))
            rest = min(LONGEST_REST, 2 * rest) if number == best else REST
            self.best = number
            rate, changed = yield from self._rest(number, rate, rest)
            rest = SHORT if changed else rest
            number, rate = yield from self._descend(number, rate)

    def _rest(self, number: int, rate: float, seconds: float) -> Generator[int, float, tuple[float, bool]]:
        """The same number for a while. The throughput at the end, and whether it ended since the work has changed."""
        until = self._now + seconds
        while self._now < until:
            before, rate = rate, (yield number)
            if max(before, rate) > CHANGED * min(before, rate):
                return rate, True
        return rate, False

    def _climb(self, number: int, rate: float) -> Generator[int, float, tuple[int, float]]:
        """More, as long as each step is worth it."""
        while True:
            above = max(2, 2 * number)
            more = yield above
            if more < WORTH * rate:
                return number, rate
            number, rate = above, more

    def _descend(self, number: int, rate: float) -> Generator[int, float, tuple[int, float]]:
        """Fewer, as long as that costs little."""
        while number > self._first:
            below = number // 2 if number > 2 else self._first  # noqa: PLR2004 - one thread is no better than none
            fewer = yield below
            if fewer * WORTH < rate:
                break
            number, rate = below, fewer
        return number, rate

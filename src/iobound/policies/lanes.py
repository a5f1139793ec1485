"""How many workers make brief calls: none but the consumer itself, one, or as many as bring something.

Whoever makes a call that waits gives the interpreter lock away and must ask for it again: among calls of microseconds
more threads mostly get in each other's way (the convoy effect: D. Beazley, "Understanding the Python GIL", 2010), by a
factor of ten for files that are cached. But calls that compute without the lock, or wait for a neighbour in the same
rack, gain by every worker. Which it is cannot be told from one call; so it is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Generator

    from iobound.words.totals import Totals

LONGER = 3.3
"""Times the longest brief call. Only such calls are brief no longer: workers make each other's longer."""
WORTH = 1.1
"""The throughput that more workers must bring, of what fewer did, or fewer may lose."""
CHANGED = 2.0
"""Times the throughput: the work is another one."""
SECONDS, CALLS = 0.01, 64
"""What a measurement takes at least: two switch intervals of the interpreter."""
REST, LONGEST_REST = 1.0, 16.0
"""Seconds until it is tried again: at first, and once it has come out the same again and again."""


class Lanes:
    """The rule. `look` is called every few milliseconds while calls are brief; whether they are, others say first.

    Args:
        longest: seconds below which calls are brief.
        consumer: the consumer may make them itself, where nobody does better.
        brief: they are taken to be, before the first has ended.
    """

    def __init__(self, longest: float, *, consumer: bool, brief: bool) -> None:
        self.longest = longest
        self.brief = brief
        self.number = 1.0 if brief else FOREVER
        """Workers that may be at it; 0: the consumer; infinite: as many as the limit lets."""
        self.best: float | None = None
        """The number that was found to be best; None: nothing was tried, or calls are not brief."""
        self._first = 0 if consumer else 1
        self._plan = self._planned()
        self._begun = False
        self._origin: Totals | None = None
        self._began = self._now = 0.0

    def wait(self) -> None:
        """Calls are not brief: they wait for something."""
        self.brief, self.number, self.best = False, FOREVER, None

    def hurry(self) -> None:
        """They are brief."""
        self.brief, self.number = True, 1.0
        self._plan, self._begun, self._origin = self._planned(), False, None

    def look(self, now: float, totals: Totals, most: int) -> bool:
        """So much has been counted by now, and no more than `most` may be at it. Whether another number shall be."""
        if self._origin is None:
            self._began, self._origin = now, totals
            return False
        seconds, seen = now - self._began, totals - self._origin
        if seconds < SECONDS or seen.succeeded < CALLS:
            return False
        self._now, self._origin, before = now, None, self.number
        if seen.seconds > self.longest * LONGER * seen.timed:
            self.wait()
        elif self._begun:
            self.number = min(most, self._plan.send(seen.succeeded / seconds))
        else:
            self.number, self._begun = next(self._plan), True
        if self.number == before:
            self._began, self._origin = now, totals  # nothing has to settle
        return self.number != before

    def _planned(self) -> Generator[int, float, None]:
        """The numbers to try one after the other; each gives its throughput."""
        number, rest = self._first, REST
        rate = yield number
        while True:
            best, (number, rate) = number, (yield from self._climb(number, rate))
            rest = min(LONGEST_REST, 2 * rest) if number == best and rest else REST
            self.best, until = number, self._now + rest
            while self._now < until and rest:
                before, rate = rate, (yield number)
                if max(before, rate) > CHANGED * min(before, rate):
                    rest = 0.0  # the work has changed
            number, rate = yield from self._descend(number, rate)

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

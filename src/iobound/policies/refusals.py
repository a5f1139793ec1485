"""Refusals, and what went well beside them: was it the number of calls that was refused, or their rate?"""

from __future__ import annotations

from collections import deque
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iobound.words.totals import Totals

RECENT = 5.0
"""Seconds in which refusals, and what was not refused meanwhile, belong together."""
SHARE = 0.3
"""If more than this share of what was sent beside so many went well, it is not how many they were that was refused."""
REMEMBERED = 40
"""Refusals."""
LATELY, SHORTEST = 2.0, 0.25
"""Seconds over which throughput is taken: as many as that if it can be, and at least so many."""


HELD, AT_ONCE = 30.0, 5.0
"""Seconds for which nobody tries more at a time than was refused; refusals of the first few are one event."""


class Cap:
    """As many as the other side takes at a time, for a while after it refused more."""

    def __init__(self) -> None:
        self.most = inf
        self._at = -inf

    def lower(self, most: int, now: float) -> None:
        """More than so many were refused."""
        self.most = min(self.most, most) if now - self._at < AT_ONCE else most
        self._at = now

    def lift(self, now: float = inf) -> None:
        """It was not their number, or is long ago."""
        if now - self._at > HELD:
            self.most = inf


class Refusals:
    """The last few seconds."""

    def __init__(self, now: float, totals: Totals) -> None:
        self._refused: deque[tuple[float, int]] = deque(maxlen=REMEMBERED)
        """When, and as one of how many."""
        self._past: deque[tuple[float, int, Totals]] = deque([(now, 0, totals)])
        """Stretches: their end, beside how many at least what ended in it was sent, and what was counted by then."""

    def remember(self, now: float, beside: int, totals: Totals) -> None:
        """A stretch has ended."""
        self._past.append((now, beside, totals))
        while len(self._past) > 1 and self._past[1][0] < now - RECENT:
            self._past.popleft()

    def forget(self, now: float, totals: Totals) -> None:
        """Nobody was there for a while."""
        self._refused.clear()
        self._past = deque([(now, 0, totals)])

    def add(self, now: float, beside: int) -> int:
        """A call was refused that was one of so many. The fewest beside which one was, lately."""
        self._refused.append((now, beside))
        return min(many for at, many in self._refused if at > now - RECENT)

    def by_rate(self, now: float, fewest: int, beside: int, totals: Totals) -> bool:
        """Whether many went well beside as many as were refused; `beside`: in the stretch that goes on."""
        well, before = 0.0, self._past[0][2]
        for _, many, counted in (*list(self._past)[1:], (now, beside, totals)):
            well += counted.succeeded - before.succeeded if many >= fewest else 0.0
            before = counted
        refused = sum(at > now - RECENT for at, _ in self._refused)
        return well > SHARE * (well + refused)

    def throughput(self, now: float, totals: Totals) -> float:
        """Successes per second, lately."""
        at, counted = self._past[0][0], self._past[0][2]
        for until, _, by_then in self._past:
            if until <= now - LATELY:
                at, counted = until, by_then
        return (totals.succeeded - counted.succeeded) / max(SHORTEST, now - at)

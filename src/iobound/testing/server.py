"""`SimulatedServer`: another side that has so many places, refuses, slows down, in the time of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from math import exp, log, sqrt
from random import Random
from typing import Any


class Refused(Exception):  # noqa: N818 - it says what happened
    """A response of status 429, as the exception of a client."""

    def __init__(self, after: float | None = None) -> None:
        super().__init__("status 429")
        self.status = 429
        self.headers = {} if after is None else {"Retry-After": f"{after:g}"}


class SimulatedServer:
    """An async function that serves an item as a server would: calls queue for its places, first come first served.

    Every attribute may be changed while calls run. Under `run_virtual` no time passes for it, and the same seed takes
    the same course.

    Args:
        places: how many calls are served at a time; the others wait.
        seconds: that a call is served, on average.
        spread: the standard deviation of that, as a share of the average (log-normal).
        wire: seconds that a call takes outside its place.
        rate: calls per second, by a bucket that holds those of one second; more are refused with status 429.
        most: calls that may be inside at a time, waiting ones included; more are refused.
        refusal: seconds that a refusal takes.
        after: seconds in the `Retry-After` of a refusal.
        contention: two coefficients by which each call inside slows down all others: the first for queueing, the second
            for coherence (the universal scalability law of N. Gunther). Then `places` is no limit.
        failing: the share of calls that fail with `ConnectionError`.
        seed: of all that is random.

    Example:
        >>> import iobound
        >>> from iobound.testing import SimulatedServer, run_virtual
        >>> server = SimulatedServer(places=10, seconds=0.1, spread=0)
        >>> async def main():
        ...     results = await iobound.map(server, range(100), concurrency=50)
        ...     return len(results), round(asyncio.get_running_loop().time(), 3)
        >>> import asyncio
        >>> run_virtual(main())
        (100, 1.0)
    """

    def __init__(  # noqa: PLR0913 - each is one thing that servers do
        self,
        places: int = 40,
        seconds: float = 0.2,
        spread: float = 0.5,
        *,
        wire: float = 0.0,
        rate: float | None = None,
        most: int | None = None,
        refusal: float = 0.02,
        after: float | None = None,
        contention: tuple[float, float] | None = None,
        failing: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.places = places
        self.seconds, self.spread, self.wire = seconds, spread, wire
        self.rate, self.most, self.refusal, self.after = rate, most, refusal, after
        self.contention, self.failing = contention, failing
        self.refused = 0
        """Calls that were refused."""
        self.inside = 0
        """Calls that wait or are served."""
        self._random = Random(seed)  # noqa: S311 - a simulation
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._level, self._at = rate or 0.0, 0.0

    async def __call__(self, item: Any) -> Any:
        """Serve it; the item itself is the answer.

        Raises:
            Refused: there were too many, or they came too fast.
            ConnectionError: one of those that fail.
        """
        if self._refuses(asyncio.get_running_loop().time()):
            self.refused += 1
            await asyncio.sleep(self.refusal)
            raise Refused(self.after)
        self.inside += 1
        try:
            await self._place()
            try:
                await asyncio.sleep(self._takes())
            finally:
                self._busy -= 1
                self._call_next()
        finally:
            self.inside -= 1
        if self.wire:
            await asyncio.sleep(self.wire)
        if self.failing and self._random.random() < self.failing:
            raise ConnectionError("simulated")
        return item

    def _refuses(self, now: float) -> bool:
        if self.rate is not None:
            self._level, self._at = min(self.rate, self._level + (now - self._at) * self.rate), now
            if self._level < 1:
                return True
            self._level -= 1
        return self.most is not None and self.inside >= self.most

    async def _place(self) -> None:
        if self.contention is None and self._busy >= self.places:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._busy -= 1
                    self._call_next()
                raise
        else:
            self._busy += 1

    def _call_next(self) -> None:
        while self._waiting and self._busy < self.places:
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)

    def _takes(self) -> float:
        deviation = sqrt(log(1 + self.spread**2))
        seconds = self.seconds * exp(deviation * self._random.gauss(0, 1) - deviation**2 / 2)
        if self.contention is not None:
            queueing, coherence = self.contention
            seconds *= 1 + queueing * (self.inside - 1) + coherence * self.inside * (self.inside - 1)
        return seconds

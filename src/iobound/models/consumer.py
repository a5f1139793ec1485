"""The consumer as a worker: where calls are brief, nobody makes them faster than who waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.models.thread_worker import ThreadWorker
from iobound.words.attempt import running

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from iobound.models.threads import ThreadCrew
    from iobound.words.attempt import Attempt

MOST = 64
"""Calls in a turn."""
LONGEST = 1e-3
"""Seconds that a turn should take at most: results are ready meanwhile."""
WORTH = 0.97
"""The share of the time that more calls in a turn may still need, or fewer save."""
TURNS, CALLS, PATIENT = 8, 64, 64
"""So many turns and calls tell how long an item takes; what is best is kept up to so many times as long."""


class Consumer(ThreadWorker):
    """While the consumer would wait, it makes a few calls itself, in turns.

    More calls in a turn share what a turn costs; fewer leave results in the caches of the processor until they are
    taken, and keep less memory alive, which for large results is worth far more. So twice as many are tried, and half.
    """

    def __init__(self, crew: ThreadCrew) -> None:
        super().__init__(crew, crew.slot(), crew.new_tally())
        self.sit(here=False)
        self.context = self.driver.job.context.copy()
        self.context.run(running.set, self.slot)
        self.call = self.driver.job.call.bind()
        self.few = 1
        """Calls in a turn."""
        self.plan = self._planned()
        self.enough = next(self.plan)
        """Calls that tell how good that is."""
        self.taken = self.made = 0
        """Turns and calls seen of them; no turn: it was away meanwhile."""
        self.since = 0.0

    def turn(self) -> None:
        """Make a few calls."""
        now = self.driver.clock.now()
        if self.taken >= TURNS and self.made >= self.enough:
            self.enough = self.plan.send((now - self.since) / self.made)
            self.taken = 0
        if not self.taken:
            self.made, self.since = 0, now
        self.taken += 1
        self.turns = self._turns()
        self._loop(self.call, self.context)

    def sit(self, *, here: bool) -> None:
        """* It has a place as long as it makes calls. What was seen before it was away tells nothing any more."""
        slots, self.taken = self.driver.core.slots, 0
        (slots.add if here else slots.discard)(self.slot)

    def _planned(self) -> Generator[int, float, None]:
        """How many calls to look at; each time it is told how long an item took, from one turn to the next."""
        few, rest = 1, 1
        while True:
            self.few = few
            seconds = yield CALLS * rest
            rest = min(PATIENT, 2 * rest)
            for other, worth in ((2 * few, WORTH), (few // 2, 1 / WORTH)):
                if 1 <= other <= MOST and other * seconds <= LONGEST:
                    self.few = other
                    if (yield CALLS) < worth * seconds:
                        few, rest = other, 1
                        break

    def _turns(self) -> Iterator[None]:
        for _ in range(self.few):
            if self.crew.lanes.number:
                return  # others make them
            self.made += 1
            yield

    def _next(self) -> Attempt | None:
        """Nothing is there to start: the consumer looks why."""
        return None

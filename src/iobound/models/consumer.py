"""The consumer as a worker: where calls are brief, nobody makes them faster than who waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.models.thread_worker import ThreadWorker
from iobound.words.attempt import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iobound.models.threads import ThreadCrew
    from iobound.words.attempt import Attempt

MOST = 64
"""Calls in a turn."""
LONGEST = 1e-3
"""Seconds that a turn should take at most: results are ready meanwhile."""
WORTH = 0.97
"""The share of the time that more calls in a turn may still need, or fewer save."""
TURNS, CALLS, PATIENT = 8, 64, 64
"""After so many turns and calls the number of calls in a turn changes, or after so many times as many."""


class Consumer(ThreadWorker):
    """While the consumer would wait, it makes a few calls itself, in turns.

    More calls in a turn share what a turn costs; fewer leave results in the caches of the processor until they are
    taken, and keep less memory alive, which for large results is worth far more. So the number is climbed for: twice as
    many, or half, in the direction in which items have become faster.
    """

    def __init__(self, crew: ThreadCrew) -> None:
        super().__init__(crew, crew.slot(), crew.new_tally())
        crew.core.slots.discard(self.slot)  # it is there only while it works
        self.context = self.driver.job.context.copy()
        self.context.run(running.set, self.slot)
        self.call = self.driver.job.call.bind()
        self.few, self.up = 1, True
        self.before = 0.0
        """Seconds that an item took before `few` changed."""
        self.patience = 1
        self.taken = self.made = 0
        """Turns and calls since then; no turn: it was away meanwhile."""
        self.since = 0.0

    def turn(self) -> None:
        """Make a few calls."""
        now = self.driver.clock.now()
        if self.taken >= TURNS and self.made >= CALLS * self.patience:
            self._adapt((now - self.since) / self.made)
            self.taken = 0
        if not self.taken:
            self.made, self.since = 0, now
        self.taken += 1
        self.turns = self._turns()
        self._loop(self.call, self.context)

    def away(self) -> None:
        """Others make the calls: what was seen until now tells nothing any more."""
        self.taken = 0

    def _adapt(self, seconds: float) -> None:
        """An item took so long, from one turn to the next. Whoever turns round is near the best, and waits longer."""
        up = seconds < WORTH * self.before if self.up else seconds * WORTH > self.before
        if self.few * seconds > LONGEST or self.few == MOST:
            up = False
        elif self.few == 1:
            up = True
        self.patience = min(PATIENT, 2 * self.patience) if up is not self.up else 1
        self.up, self.before = up, seconds
        self.few = self.few * 2 if up else max(1, self.few // 2)

    def _turns(self) -> Iterator[None]:
        for _ in range(self.few):
            if self.crew.lanes.number:
                return  # others make them
            self.made += 1
            yield

    def _next(self) -> Attempt | None:
        """Nothing is there to start: the consumer looks why."""
        return None

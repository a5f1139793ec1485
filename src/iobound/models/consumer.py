"""The consumer as a worker: where calls are brief, nobody makes them faster than who waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.models.thread_worker import ThreadWorker
from iobound.words.attempt import running

if TYPE_CHECKING:
    from iobound.models.threads import ThreadCrew
    from iobound.words.attempt import Attempt

ONCE = (None,)


class Consumer(ThreadWorker):
    """While the consumer waits for the result of a call that nobody has begun, it makes the call itself.

    That one call only: then a call that lasts, or that itself waits for what the consumer does next, holds up nothing
    that a thread would not have held up. Results that others have ready never wait for it.
    """

    def __init__(self, crew: ThreadCrew) -> None:
        super().__init__(crew, crew.slot(), crew.new_tally())
        self.sit(here=False)
        self.context = self.driver.job.context.copy()
        self.context.run(running.set, self.slot)
        self.call = self.driver.job.call.bind()
        self.turns = ONCE

    def turn(self) -> None:
        """Make the call that is next."""
        self._loop(self.call, self.context)

    def sit(self, *, here: bool) -> None:
        """* It has a place as long as it makes calls."""
        slots = self.driver.core.slots
        (slots.add if here else slots.discard)(self.slot)

    def _next(self) -> Attempt | None:
        """Nothing is there to start: the consumer looks why."""
        return None

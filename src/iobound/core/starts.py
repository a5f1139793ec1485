"""What may start next: retries whose pause is over, then the heads of the lines."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from iobound.core.admission import undo
from iobound.core.lines import Lines
from iobound.core.retries import Retries
from iobound.words.clock import FOREVER
from iobound.words.errors import noted

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.core.rules import Rules
    from iobound.words.attempt import Attempt


class Starts(Lines):
    """The lines of a run, and the failed attempts that will stand in them again."""

    def __init__(self, rules: Rules, wake: Callable[[], None]) -> None:
        self.retries = Retries(rules)
        super().__init__((self.retries.hold, *rules.gates) if rules.retry else rules.gates, wake, rules.cost)
        self.refused: deque[Attempt] = deque()
        """Retries that came too late: their failure stands."""
        self._lined_up = 0
        """Retries that are due and wait for the limits."""
        self.retried = 0
        """Retries that came in time."""

    @property
    def failed(self) -> int:
        """Items that have failed and will be made again."""
        return self.retries.number + self._lined_up

    def __bool__(self) -> bool:
        """Whether any item waits."""
        return bool(self.number or self.retries or self.refused)

    @property
    def waiting(self) -> int:
        """How many items wait, those included that were started before."""
        return self.number + self.retries.number + len(self.refused)

    @property
    def held_by(self) -> str:
        """What holds the run back while nothing may start; empty if no item waits."""
        return str(self.shut_by or "retries") if self.number or self.retries else ""

    @property
    def at_times(self) -> bool:
        """Whether time alone will let something start."""
        return bool(self.timed or self.retries.timed)

    def next(self, now: float) -> Attempt | None:
        """The next attempt that may start now; it carries `error` if it never will."""
        if self.retries.timed:
            self._line_up(now)
        if self.refused:
            return self.refused.popleft()
        found = self.next_head(now)
        if found is not None and found.failure is not None:
            self._begin_again(found, now)
        return found

    def _begin_again(self, attempt: Attempt, now: float) -> None:
        """A retry has passed the gates: unless it was held up for too long, what it failed with is forgotten."""
        self._lined_up -= 1
        failure, attempt.failure = attempt.failure, None
        if failure is not None and attempt.error is None and now > attempt.first + self.retries.deadline:
            undo(attempt.tickets)
            attempt.tickets = ()
            attempt.number -= 1
            self.retried -= 1
            attempt.error = failure
            noted(failure, "its retry waited for the limits until the deadline")

    def more(self, now: float) -> bool:
        """Whether `next` may find something. A guess."""
        if self.open or self.rung:
            return True
        return self.at_times and min(self.retries.next_time(), self.next_time()) <= now

    def next_start(self, now: float) -> float:
        """When time alone will let something start. What is due already waits for a slot, not for time."""
        times = (self.retries.next_time(), self.next_time()) if self.at_times else ()
        return min((at for at in times if at > now), default=FOREVER)

    def clear(self) -> None:
        """The run is over: nothing is made again, and nobody waits at a gate."""
        self.retries.clear()
        self.refused.clear()
        self.withdraw()

    def _line_up(self, now: float) -> None:
        for attempt, again in self.retries.due(now):
            if again and self.retries.hold.until.get(attempt.key, now) <= attempt.first + self.retries.deadline:
                attempt.number += 1
                self.retried += 1
                attempt.failure, attempt.error, attempt.pause = attempt.error, None, None
                self._lined_up += 1
                self.add_due(attempt)
            else:
                self.refused.append(attempt)
                if attempt.error is not None:
                    why = "the other side" if again else "the budget"
                    noted(attempt.error, f"its retry waited for {why} until the deadline")

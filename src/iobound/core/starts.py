"""What may start next: retries whose pause is over, then the heads of the lines."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

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
        self.retried = 0
        """Retries that came in time."""

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
        return self.next_head(now)

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
            if again:
                attempt.number += 1
                self.retried += 1
                attempt.error = attempt.pause = None
                self.add_due(attempt)
            else:
                self.refused.append(attempt)
                if attempt.error is not None:
                    noted(attempt.error, "its retry waited for the budget until the deadline")

"""One passage through the gates of a limiter: what was taken, by whom, and that nobody else takes it for theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iobound.core.admission import enter
from iobound.models.choices import SYSTEM
from iobound.words.attempt import running
from iobound.words.errors import hinted
from iobound.words.spending import admitted, here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextvars import Token

    from iobound.policies.limits import Limits
    from iobound.words.attempt import Slot
    from iobound.words.clock import Clock
    from iobound.words.gates import Ticket
    from iobound.words.spending import Admitted

FREE, PASSED = "free", "passed"
"""Outside; inside by `try_acquire`, for `with` to take over. Neither: in use, by one who waits or is inside."""
NOBODY = (0, None)


class Passage:
    """Whoever passes without waiting, and leaves again."""

    def __init__(self, limits: Limits, key: Any, cost: Any, costs: Mapping[str, float] | None) -> None:
        limits.check_cost(cost)
        self.clock: Clock = SYSTEM
        self.tickets: Sequence[Ticket] = ()
        """What was taken."""
        self.slot: Slot | None = None
        """Of the call in which it was entered."""
        self.owner: tuple[int, object] = NOBODY
        """Who entered it, where that may matter."""
        self._limits = limits
        self._key = key
        self._cost = cost
        self._costs = costs or {}
        self._state = [FREE]
        """Empty while it is in use: taking it out of a list is one step, where two would need a lock."""
        self._before: Token[tuple[Admitted, ...]] | None = None

    def try_acquire(self) -> bool:
        """Pass now, or not at all."""
        self._claim()
        passed = self._pass()
        self._state = [PASSED if passed else FREE]
        return passed

    def release(self) -> None:
        """Be outside again; what was charged stays charged."""
        tickets, self.tickets = self.tickets, ()
        for ticket in tickets:
            ticket.settled(self._attempt, self.clock.now())
        self._state = [FREE]

    def go_in(self) -> bool:
        """Be inside at once, if that can be: `try_acquire` has passed before, or all admit now."""
        return self._claim(PASSED) == PASSED or self._pass()

    def entered(self) -> None:
        """The code that runs is inside."""
        self.slot, around = running.get(None), admitted.get()
        if self._limits.counts:
            self.owner = here()
        if around:
            around = tuple(each for each in around if each.tickets and each is not self)
        self._before = admitted.set((self, *around))

    def left(self) -> None:
        """It is outside again."""
        before, self._before, self.owner = self._before, None, NOBODY
        self.release()
        if before is not None:
            try:
                admitted.reset(before)
            except ValueError:
                pass  # left in another context than it was entered in: nothing is to be reset here

    def __del__(self) -> None:
        """What passed and was dropped is lost to all who wait: no lock may be taken here to give it back."""
        if getattr(self, "_state", None) == [PASSED] and self._limits.counts:
            import warnings  # noqa: PLC0415 - only who is warned pays for it

            message = "a permit passed and was dropped: its place is lost\nhint: `with permit:`, or permit.release()"
            warnings.warn(message, ResourceWarning, stacklevel=2, source=self)

    def _claim(self, *may_be: str) -> str:
        """Use it, by oneself alone: whoever comes to it from now on is refused. The state that it was in."""
        try:
            before = self._state.pop()
        except IndexError:
            before = ""
        if before == FREE or before in may_be:
            return before
        if before:
            self._state.append(before)
        error = RuntimeError("this permit has been used to pass already")
        raise hinted(error, "call the limiter for each passage: `with limiter():`")

    def _pass(self) -> bool:
        """All at once, or none."""
        try:
            self._attempt = self._limits.attempt(self._key, self._cost, self._costs)
            self.tickets = enter(self._limits.gates, self._attempt, self.clock.now()) or ()
        except BaseException:
            self._state = [FREE]
            raise
        return bool(self.tickets)

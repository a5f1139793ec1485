"""Places in flight: how many there may be, who has been there too long, and which calls were given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.words.attempt import Slot
from iobound.words.clock import FOREVER
from iobound.words.errors import HungCalls, hinted

if TYPE_CHECKING:
    from iobound.core.rules import Rules
    from iobound.words.attempt import Attempt

LOOKS = 0.02
"""Seconds between two looks at a memory budget while calls run: what a call takes only for a while is seen too."""
PAUSE = 1.0
"""Seconds between two steps by which a squeezed limit grows again; the first comes after twice what the call took."""


class Slots(set[Slot]):
    """The slots of a run. A worker holds one for its life, a dispatcher one per call."""

    def __init__(self, rules: Rules, now: float) -> None:
        super().__init__()
        self.limit = rules.limit
        self.capacity = rules.limit
        """Calls that may run now: the limit, less what hung calls beyond `max_abandoned` take away."""
        self.wanted = 0
        """The limit before it was squeezed."""
        self.squeezed_at = -FOREVER
        self.crowd = 0
        """The calls in flight then."""
        self.starved = 0
        """Those of them that found no room."""
        self.alone: set[int] = set()
        """The items that found no room where one may run at a time."""
        self.recover_at = FOREVER
        self.abandoned = 0
        self.hanging = 0
        self.max_abandoned = rules.max_abandoned
        self.timeout = rules.task_timeout
        self.next_look = FOREVER if rules.task_timeout is None else now + rules.task_timeout

    def running(self) -> set[Attempt]:
        """The attempts in flight."""
        return {slot.attempt for slot in self if slot.attempt is not None}

    @property
    def busy(self) -> bool:
        """Whether any call is in flight."""
        return any(slot.attempt is not None for slot in self)

    def late(self, now: float) -> list[Slot]:
        """The slots whose attempt has used up `task_timeout`, each named once.

        Whatever starts after this look cannot be late before `now + timeout`. Between two looks at least 1 % of
        the timeout passes, so that many staggered calls do not cost a look each.
        """
        timeout = self.timeout
        if timeout is None or now < self.next_look:
            return []
        late, self.next_look = [], now + timeout
        for slot in self:
            attempt = slot.attempt
            if attempt is None or slot.expired < FOREVER:
                continue
            if attempt.started + timeout <= now:
                slot.expired = now
                late.append(slot)
            else:
                self.next_look = min(self.next_look, max(attempt.started + timeout, now + timeout / 100))
        return sorted(late, key=lambda slot: slot.attempt.index if slot.attempt is not None else -1)

    def time_out(self, attempt: Attempt) -> None:
        """Make the attempt a failure for having run too long."""
        attempt.value = None
        attempt.error = TimeoutError(f"the call took longer than task_timeout={self.timeout:g} s")

    def abandon(self, slot: Slot) -> Attempt | None:
        """Give up the call in a slot, which cannot be stopped: its place is free again, up to `max_abandoned`."""
        slot.left = slot.tickets
        attempt, slot.attempt = slot.attempt, None
        slot.abandoned = True
        self.discard(slot)
        if attempt is not None:
            self.abandoned += 1
            self.hanging += 1
            self.recount()
        return attempt

    def exhausted(self) -> HungCalls:
        """What the run ends with when no slot is left to go on with."""
        error = HungCalls(f"{self.hanging} calls hang and no slot is left (max_abandoned={self.max_abandoned})")
        return hinted(error, "give the calls a timeout of their own, or raise max_abandoned")

    def returned_late(self) -> None:
        """An abandoned call has come back after all."""
        self.hanging -= 1
        self.recount()

    def squeeze(self, attempt: Attempt, now: float) -> int:
        """There was no room for so many calls beside it: the limit falls, and is to grow again step by step.

        The new limit; 0 if it was alone. After a fall that is sure only at its second try: what ran beside it at first
        may have started before the limit fell. Of one crowd many may find no room at once, some of them only because of
        the others: by as many as failed the limit falls, but not below half.
        """
        if attempt.started < self.squeezed_at:
            self.starved += 1
        elif self.limit > 1:
            self.starved, self.squeezed_at, self.wanted = 1, now, max(self.wanted, self.limit)
            seen = len(self.running() | {attempt})  # not those that have just ended
            self.crowd = max(seen, self.limit // 2)
        elif not self.wanted or attempt.index in self.alone:
            self.alone.discard(attempt.index)
            return 0
        else:
            self.alone.add(attempt.index)
        self.recover_at = now + max(PAUSE, 2 * (now - attempt.started))  # or it would never be seen to be alone
        return max(1, min(self.limit, max(self.crowd - self.starved, self.crowd // 2)))

    def recovered(self, now: float) -> int:
        """The next step: a limit that is to be tried."""
        limit = min(self.wanted, self.limit + max(1, self.limit // 10))
        self.recover_at = now + PAUSE if limit < self.wanted else FOREVER
        return limit

    def resize(self, limit: int) -> None:
        """The limit has changed; calls that run go on."""
        self.limit = limit
        self.recount()

    def recount(self) -> None:
        """Hung calls within `max_abandoned` are replaced; each one beyond takes a slot away."""
        self.capacity = self.limit - max(0, self.hanging - self.max_abandoned)

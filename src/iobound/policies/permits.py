"""Permits: how many calls may run at one time, per key or for a whole limiter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.policies.rules import Rule
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from iobound.words.attempt import Attempt


class Permits(Rule):
    """The state of one such limit: a semaphore whose queue is elsewhere."""

    __slots__ = ("limit", "taken")
    counts_running = True

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0

    def opens_at(self, charge: int) -> float:
        """Now, or when another call ends."""
        return -FOREVER if self.taken < self.limit else FOREVER

    def take(self, charge: int, now: float) -> int:
        """One more call runs, if it may."""
        if self.taken >= self.limit:
            return -1
        self.taken += 1
        return 0

    def undo(self, charge: int, at: int, credited: int) -> None:
        """It does not, after all."""
        self.taken -= 1

    def settled(self, attempt: Attempt) -> bool:
        """One has ended: another may start."""
        self.taken -= 1
        return True

    def forked(self) -> None:
        """None runs here."""
        self.taken = 0

    def idle(self, now: float) -> bool:
        """Whether none runs."""
        return not self.taken

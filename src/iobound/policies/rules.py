"""Rules: what a queue of tickets asks about its head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from iobound.words.attempt import Attempt


class Rule:
    """What a queue asks about its head, under its lock. Here: everybody may go, and nothing is counted."""

    __slots__ = ()
    unit: str | None = None
    """What it counts, if calls can be asked how much of it they used."""
    turn = 0.0
    """Seconds in which who has waited may pass more than once."""
    counts_running = False
    """It must hear of every call that ends."""

    def charge(self, attempt: Attempt) -> int:
        """What the attempt takes. An exception is the item's failure."""
        return 1

    def opens_at(self, charge: int) -> float:
        """When so much may be taken; infinite if only a ring can tell."""
        return -FOREVER

    def take(self, charge: int, now: float) -> int:
        """Take it, if `opens_at` is over. Returns the moment, for `undo`; -1: nothing was taken."""
        return 0

    credited = 0
    """All that calls gave back because they used less, ever."""

    def undo(self, charge: int, at: int, credited: int) -> None:
        """It was not needed after all."""

    def settled(self, attempt: Attempt) -> bool:
        """A call that took something has ended. Whether that lets others start."""
        return False

    def spent(self, charge: int, units: float, now: float) -> int:
        """The call used so many units. The charge that this makes."""
        return charge

    def forked(self) -> None:
        """This is a forked child: what runs, runs elsewhere."""

    def idle(self, now: float) -> bool:
        """Whether it is as good as new."""
        return True

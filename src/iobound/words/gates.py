"""The protocols of what decides whether an attempt may start: gates, their tickets, pauses, keepers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from iobound.words.attempt import Attempt


class Ticket(Protocol):
    """A place in a gate's queue. The gate owns a lock of its own; every method may be called from any thread."""

    @property
    def unit(self) -> str | None:
        """What `spent` counts here; None if nothing."""

    @property
    def opens_at(self) -> float:
        """When `take` may succeed; infinite unless first in line (the gate will ring)."""

    def take(self, now: float) -> bool:
        """Pass the gate, atomically. False: somebody was faster, look at `opens_at` again.

        An exception is the item's failure.
        """

    def give_back(self) -> None:
        """Untaken: leave the queue. Taken: return to its head with the charge undone."""

    def spent(self, units: float, now: float) -> None:
        """Taken: the attempt has used so many units, whatever it was charged."""

    def settled(self, attempt: Attempt, now: float) -> None:
        """The attempt that took this ticket has ended: a gate that counts what runs lets go here."""


class Gate(Protocol):
    """Admits attempts first in, first out; may be shared by runs in several threads and loops.

    `request` is given the attempt (its `key` and `cost`), the time, and `ring`: a callable without
    arguments, to be called from any thread whenever the ticket's `opens_at` may have come nearer. `ring` takes
    no lock of a run.
    """

    def enter(self, attempt: Attempt, now: float, ring: Callable[[], None] | None = None) -> Ticket | None:
        """Pass at once, if nobody waits and it is open: a ticket that is taken. None: `request` one.

        Who has requested before with the same `ring` may have a turn, and pass although others wait.

        An exception is the item's failure.
        """

    def request(self, attempt: Attempt, now: float, ring: Callable[[], None]) -> Ticket:
        """Join the queue. An exception is the item's failure."""


class Pause(NamedTuple):
    """What a failed attempt waits for before the next one."""

    seconds: float
    """Infinite: there is no next one, only the pause of its key."""
    key: float = 0.0
    """Seconds in which nothing of the same key starts: the other side asked for it."""
    free: bool = False
    """The other side asked for this attempt: it takes nothing from the budget."""
    starved: bool = False
    """There were too many calls beside it: it is made again, uncounted, when there are fewer."""


STARVED = Pause(0.0, starved=True)


Keeper = Callable[["Attempt"], None]
"""Is handed each final outcome before it may be delivered, and later calls `Core.release` with it."""

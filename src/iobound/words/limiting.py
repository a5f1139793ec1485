"""Between a run and the object that says how many of its calls may be in flight."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from iobound.words.totals import Totals


class Told(Enum):
    """What an error tells about the load on the other side."""

    REFUSED = "refused"
    """It would not take this call."""
    WAIT = "wait"
    """It would not, and said when to come again."""
    TIMED_OUT = "timed out"
    """It took too long."""


class Run(Protocol):
    """What a limit asks of a run. Takes no lock: another run may ask."""

    @property
    def paced(self) -> bool:
        """Whether its calls pass the gate of the limit."""

    def totals(self, now: float) -> Totals:
        """What it has counted so far."""

    def busy(self) -> int:
        """How many of its calls are in flight."""


class Seat(Protocol):
    """What one run has of a limit."""

    size: int
    """How many calls may be in flight."""
    why: str
    """Why it is so many."""

    @property
    def next_look(self) -> float:
        """When to call `look` again."""

    def look(self, now: float) -> None:
        """Time has passed: `size` may change."""

    def heard(self, told: Told, beside: int, now: float) -> None:
        """A call that was one of so many was refused, or took too long: `size` may change."""

    def leave(self) -> None:
        """The run is over. Takes no lock."""


class Limit(Protocol):
    """What `concurrency=` takes beside a number: how many calls may be in flight, and when that changes."""

    @property
    def initial(self) -> int:
        """What a run begins with."""

    @property
    def most(self) -> int:
        """More it will never be."""

    def take_seat(self, run: Run, now: float) -> Seat:
        """A seat for a run that begins, until the run leaves it or drops it."""

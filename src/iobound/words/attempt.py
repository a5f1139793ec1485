"""What a run keeps of an item: one record from the moment it is pulled until its outcome is delivered."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Coroutine, Hashable, Mapping, Sequence
    from contextvars import Context

    from iobound.words.clock import Clock
    from iobound.words.gates import Pause, Ticket
    from iobound.words.limiting import Told

T = TypeVar("T")


class Attempt:
    """An item on its way through a run, and how its latest attempt went.

    The defaults live on the class: making one stores only what differs, which halves the cost of an item.
    Hooks are handed this record; to them it is read-only.
    """

    item: Any
    index: int
    """Position in the source, from 0."""
    key: Hashable = None
    """What it is limited by together with its like."""
    cost: float = 1
    costs: Mapping[str, float] = {}
    """Units of the rates that have a cost of their own, by unit."""
    number: int = 1
    """1 for the first attempt, 2 for the first retry, and so on."""
    value: Any = None
    error: BaseException | None = None
    failure: BaseException | None = None
    """What the attempt before failed with, while the next one waits for the limits."""
    done: bool = False
    """The last attempt has ended: the outcome may be delivered."""
    pulled: float = 0.0
    """When the item was pulled from the source."""
    started: float = 0.0
    """When the latest attempt was started."""
    duration: float = 0.0
    """Seconds the latest attempt ran."""
    first: float = 0.0
    """When the first attempt was started, once it has failed."""
    told: Told | None = None
    """What its failure tells about the load on the other side."""
    pause: Pause | None = None
    """What a failed attempt waits for before the next one; None: the failure stands."""
    stage: str | None = None
    """The earlier stage whose failure this is; None for an item of this run's own function."""
    tickets: Sequence[Ticket] = ()
    begun: tuple[Coroutine[Any, Any, Any], Context] | None = None
    """A coroutine that a plain function turned out to return, with the context it was made in."""


@dataclass(slots=True, eq=False)
class Outcome(Generic[T]):
    """What became of one item. Yielded by `errors="collect"` and by `Run.outcomes()`.

    Example:
        >>> import iobound
        >>> [good, bad] = iobound.map(int, ["7", "x"], errors="collect")
        >>> good.ok, good.value, bad.ok, bad.item, type(bad.error).__name__
        (True, 7, False, 'x', 'ValueError')
    """

    value: T | None
    """What the function returned; None if it failed."""
    error: BaseException | None
    """What the function raised, the original object; None if it succeeded."""
    index: int
    """Position of the item in the source, from 0."""
    item: Any
    """The item itself; where runs are chained, what the stage that gave this outcome was called with."""
    key: Hashable
    """The key the item was limited by, None without keys."""
    attempts: int
    """How often the function was called for it."""
    duration: float
    """Seconds the last attempt took."""
    waited: float
    """Seconds from being pulled from the source to the start of the last attempt."""
    stage: str | None
    """Name of the earlier function that failed, where runs are chained; None if it was this run's own."""

    @property
    def ok(self) -> bool:
        """Whether the item succeeded."""
        return self.error is None

    @classmethod
    def of(cls, attempt: Attempt) -> Outcome[Any]:
        """The outcome of a finished attempt."""
        return cls(
            attempt.value,
            attempt.error,
            attempt.index,
            attempt.item,
            attempt.key,
            attempt.number,
            attempt.duration,
            max(0.0, attempt.started - attempt.pulled),
            attempt.stage,
        )


class Slot:
    """One place in flight, and which attempt runs there."""

    __slots__ = ("abandoned", "around", "attempt", "clock", "expired", "left", "timeout")

    def __init__(self, clock: Clock, timeout: float | None, around: Slot | None = None) -> None:
        self.attempt: Attempt | None = None
        self.clock = clock
        self.timeout = timeout
        self.expired = FOREVER
        """When the running attempt was told that its time is over."""
        self.abandoned = False
        """The call in it was given up: whatever it still returns is dropped."""
        self.left: Sequence[Ticket] = ()
        """What that call was admitted by: it may still tell what it has used."""
        self.around = around
        """The place of the call that made the run, if one did."""

    @property
    def tickets(self) -> Sequence[Ticket]:
        """What the call in it was admitted by."""
        attempt = self.attempt
        return (() if attempt is None else attempt.tickets) or self.left  # it may be given up just now


@dataclass(frozen=True, slots=True)
class Current:
    """The attempt that is running here, as `iobound.current()` tells it."""

    index: int
    item: Any
    key: Hashable
    attempt: int
    """1 for the first attempt, 2 for the first retry, and so on."""
    remaining: float
    """Seconds until `task_timeout` ends this attempt; infinite without one."""


running: ContextVar[Slot] = ContextVar("iobound.running")


def current() -> Current:
    """The attempt this code runs for: which item, which attempt, how many seconds are left.

    Works in the called function and in everything that inherits its context (tasks, `asyncio.to_thread`).

    Raises:
        LookupError: outside a call that iobound makes.

    Example:
        >>> import iobound
        >>> list(iobound.map(lambda word: iobound.current().index, "abc"))
        [0, 1, 2]
    """
    slot = running.get(None)
    attempt = slot.attempt if slot is not None else None
    if slot is None or attempt is None:
        msg = "iobound.current() was called outside a call of iobound"
        raise LookupError(msg)
    remaining = FOREVER if slot.timeout is None else attempt.started + slot.timeout - slot.clock.now()
    return Current(attempt.index, attempt.item, attempt.key, attempt.number, remaining)

"""What the code that runs was admitted by, and what it turns out to use of it."""

from __future__ import annotations

from _thread import get_ident
from contextvars import ContextVar
from threading import current_thread
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from iobound.words.attempt import running
from iobound.words.checks import check_number
from iobound.words.errors import hinted
from iobound.words.loops import task_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iobound.words.attempt import Slot
    from iobound.words.clock import Clock
    from iobound.words.gates import Ticket

WORKER = "iobound worker"
"""The name of the threads and tasks in which runs make their calls."""


class Admitted(Protocol):
    """Something that holds tickets, outside a run."""

    clock: Clock
    tickets: Sequence[Ticket]
    """None once it is outside again."""
    slot: Slot | None
    """Of the call in which it was entered."""
    owner: tuple[int, object]
    """Who entered it: see `here`."""


admitted: ContextVar[tuple[Admitted, ...]] = ContextVar("iobound.admitted", default=())
"""What was entered around the code that runs, the innermost first."""


class Level(NamedTuple):
    """One of the things that the code which runs was admitted by."""

    tickets: Sequence[Ticket]
    now: float


def spent(units: float | None = None, /, **by_unit: float) -> None:
    """Say what the running call has used, in place of what was charged when it started.

    More than that is a debt which later calls wait for, less is a credit for them. Works inside a call that a run
    makes, and inside `with limiter(...)`; of several, one inside the other, the innermost that counts the unit is
    corrected.

    Args:
        units: how much in all, where the innermost that counts anything counts one unit: `spent(1234)`.
        **by_unit: how much of each unit: `spent(tokens=1234)`.

    Raises:
        LookupError: nothing that runs here was admitted by a rate that counts this.
        ValueError: a number that makes no sense.

    Example:
        >>> import iobound
        >>> tokens = iobound.Rate(1000, per=1, cost=10, unit="tokens", burst=1000)
        >>> def ask(prompt):
        ...     iobound.spent(tokens=len(prompt))
        ...     return prompt.upper()
        >>> list(iobound.map(ask, ["a", "b"], rate=tokens))
        ['A', 'B']
    """
    levels = [*_levels()]
    if not levels:
        msg = "iobound.spent() was called outside a call of iobound, and outside a limiter"
        raise LookupError(msg)
    if units is not None:
        by_unit[_only_unit(levels)] = units
    found = [(_innermost(unit, levels, used), unit, used) for unit, used in by_unit.items()]
    for level, unit, used in found:
        for ticket in level.tickets:
            if ticket.unit == unit:
                ticket.spent(used, level.now)


def _levels() -> Iterator[Level]:
    """All, the innermost first: what the call entered, what it was admitted by; then the same of the call around it."""
    slot, permits = running.get(None), admitted.get()
    while slot is not None:
        yield from _entered(permits, slot)
        if slot.attempt is not None or slot.abandoned:
            yield Level(slot.tickets, slot.clock.now())
        slot = slot.around
    yield from _entered(permits, None)


def _entered(permits: Sequence[Admitted], slot: Slot | None) -> Iterator[Level]:
    return (Level(permit.tickets, permit.clock.now()) for permit in permits if permit.slot is slot)


def _counted(levels: Sequence[Level]) -> list[str]:
    return sorted({ticket.unit for level in levels for ticket in level.tickets if ticket.unit is not None})


def _only_unit(levels: Sequence[Level]) -> str:
    """The unit that is meant where none is named."""
    found = next((units for level in levels if (units := _counted([level]))), [])
    if len(found) != 1:
        raise _unknown("units", levels)
    return found[0]


def _innermost(unit: str, levels: Sequence[Level], used: float) -> Level:
    """The level that counts this."""
    check_number(unit, used, "a number of at least 0", most=1e18)
    found = next((level for level in levels if unit in _counted([level])), None)
    if found is None:
        raise _unknown(unit, levels)
    return found


def _unknown(unit: str, levels: Sequence[Level]) -> LookupError:
    error, counted = LookupError(f"no rate that counts {unit} has admitted this call"), _counted(levels)
    if not counted:
        return hinted(error, "rate= of the run, or a Limiter, counts what calls use")
    return hinted(error, f"what is counted here: {', '.join(counted)}; spent({counted[0]}=...) tells of it")


def here() -> tuple[int, object]:
    """Who runs this code: a thread, and the task in it, if there is one."""
    return get_ident(), task_here()


def held_here() -> list[Ticket]:
    """Tickets that are let go when this code has gone on, and not before.

    Contexts are inherited by tasks and threads for which nobody need wait: what those find in theirs does not count.
    """
    me, slot = here(), running.get(None)
    held = [ticket for permit in admitted.get() if permit.owner == me for ticket in permit.tickets]
    if slot is not None and slot.attempt is not None and _name_of(me[1]) == WORKER:
        held += slot.attempt.tickets
    return held


def _name_of(task: Any) -> str:
    return str(current_thread().name if task is None else task.get_name())

"""What the code that runs turns out to use of the rates it was admitted by."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from iobound.words.attempt import running
from iobound.words.checks import check_number
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iobound.words.clock import Clock
    from iobound.words.gates import Ticket


class Admitted(Protocol):
    """Something that holds tickets, outside a run."""

    clock: Clock
    tickets: Sequence[Ticket]


admitted: ContextVar[Admitted | None] = ContextVar("iobound.admitted", default=None)


def spent(units: float | None = None, /, **by_unit: float) -> None:
    """Say what the running call has used, in place of what was charged when it started.

    More than that is a debt which later calls wait for, less is a credit for them. Works inside a call that a run
    makes, and inside `with limiter(...)`.

    Args:
        units: how much in all, where one unit is counted: `spent(1234)`.
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
    tickets, now = _here()
    counted = sorted({ticket.unit for ticket in tickets if ticket.unit is not None})
    if units is not None:
        if len(counted) != 1:
            raise _unknown("units", counted)
        by_unit[counted[0]] = units
    for unit, used in by_unit.items():
        check_number(unit, used, "a number of at least 0", most=1e18)
        if unit not in counted:
            raise _unknown(unit, counted)
        for ticket in tickets:
            if ticket.unit == unit:
                ticket.spent(used, now)


def _here() -> tuple[Sequence[Ticket], float]:
    permit, slot = admitted.get(), running.get(None)
    if permit is not None:
        return permit.tickets, permit.clock.now()
    attempt = slot.attempt if slot is not None else None
    if slot is None or attempt is None:
        msg = "iobound.spent() was called outside a call of iobound, and outside a limiter"
        raise LookupError(msg)
    return attempt.tickets, slot.clock.now()


def _unknown(unit: str, counted: list[str]) -> LookupError:
    error = LookupError(f"no rate that counts {unit} has admitted this call")
    if not counted:
        return hinted(error, "rate= of the run, or a Limiter, counts what calls use")
    return hinted(error, f"what is counted here: {', '.join(counted)}; spent({counted[0]}=...) tells of it")

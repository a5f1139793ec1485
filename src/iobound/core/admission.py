"""The way of one attempt through the gates: all or none, and nobody held up for somebody else's sake."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iobound.words.attempt import Attempt
    from iobound.words.gates import Gate, Ticket

SPIN = 1e-3
"""Seconds before an open ticket that could not be taken is tried again."""


def undo(tickets: Sequence[Ticket]) -> None:
    """What was taken never was."""
    for ticket in reversed(tickets):
        ticket.give_back()  # undo the charge: it is first in line again,
        ticket.give_back()  # and leave


def enter(
    gates: Sequence[Gate], attempt: Attempt, now: float, ring: Callable[[], None] | None = None
) -> list[Ticket] | None:
    """Pass all at once. None: one is shut, and the others never were passed; `Admission` queues."""
    tickets: list[Ticket] = []
    try:
        for gate in gates:
            ticket = gate.enter(attempt, now, ring)
            if ticket is None:
                break
            tickets.append(ticket)
        else:
            return tickets
    except BaseException:
        undo(tickets)
        raise
    undo(tickets)
    return None


class Admission:
    """The tickets that an attempt holds which could not pass at once.

    It queues at a gate only while all gates before it are open: a key that must wait does not stand first in a queue
    that other keys wait in. Whoever shares gates asks them in one order (`iobound.policies.limits`), so that
    of all who hold tickets one can always go on, as with locks that are taken in one order.
    """

    __slots__ = ("gates", "ring", "shut_by", "tickets")

    def __init__(self, gates: Sequence[Gate], ring: Callable[[], None]) -> None:
        self.gates = gates
        self.ring = ring
        self.tickets: list[Ticket] = []
        self.shut_by: Gate | None = None
        """The gate where it waits."""

    def advance(self, attempt: Attempt, now: float) -> float:
        """Go on as far as possible. Returns when to ask again; at most `now` once every ticket is taken."""
        tickets = self.tickets
        for place, gate in enumerate(self.gates):
            if place == len(tickets):
                tickets.append(gate.request(attempt, now, self.ring))
            opens_at = tickets[place].opens_at
            if opens_at > now:
                self.shut_by = gate
                self._leave(place + 1)
                return opens_at
        return self._take(now)

    def _take(self, now: float) -> float:
        taken = 0
        try:
            while taken < len(self.tickets) and self.tickets[taken].take(now):
                taken += 1
        finally:
            if taken < len(self.tickets):  # one was faster, or raised: undo what was charged, and stay in line
                for ticket in reversed(self.tickets[:taken]):
                    ticket.give_back()
        if taken == len(self.tickets):
            return now
        self.shut_by = self.gates[taken]
        return max(self.tickets[taken].opens_at, now + SPIN)

    @property
    def passed(self) -> bool:
        """Whether it stands at every gate, and waits at none that it knows of."""
        return bool(self.tickets) and len(self.tickets) == len(self.gates)

    @property
    def in_the_way(self) -> bool:
        """Whether others but this run's own items may wait behind it."""
        return any(not getattr(gate, "own", False) for gate in self.gates[: len(self.tickets)])

    def hand_over(self) -> list[Ticket]:
        """The tickets that were taken: they are the attempt's from now on."""
        tickets, self.tickets = self.tickets, []
        return tickets

    def leave(self) -> None:
        """Leave every queue."""
        self._leave(0)

    def _leave(self, first: int) -> None:
        for ticket in reversed(self.tickets[first:]):
            ticket.give_back()
        del self.tickets[first:]

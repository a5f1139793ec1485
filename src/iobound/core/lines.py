"""Items that wait to start, per key, and the tickets their heads hold at the gates.

A head asks every gate for a ticket and starts when all are open: all are taken, or none. A line whose tickets
are shut costs nothing until its time comes or a gate rings, so a blocked key never holds up another.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from iobound.words.attempt import Attempt
    from iobound.words.gates import Gate, Ticket

SPIN = 1e-3
"""Seconds before an open ticket that could not be taken is tried again."""


class Line:
    """The waiting items of one key."""

    __slots__ = ("due", "key", "queued", "tickets", "waiting")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.due = FOREVER
        """When `Lines.timed` will bring it up."""
        self.waiting: deque[Attempt] = deque()
        self.tickets: list[Ticket] = []
        self.queued = False
        """It stands in `Lines.open`: it will be looked at without anybody ringing."""


class Lines:
    """Every line of a run. `wake` is called when a gate rings; it takes no lock."""

    def __init__(self, gates: Sequence[Gate], wake: Callable[[], None]) -> None:
        self.gates = gates
        self.wake = wake
        self.lines: dict[Hashable, Line] = {}
        self.open: deque[Line] = deque()  # in turn, so that keys with work share the slots fairly
        self.timed: list[tuple[float, int, Line]] = []
        self.rung: deque[Line] = deque()
        self._ties = count()

    def __bool__(self) -> bool:
        """Whether any item waits."""
        return bool(self.lines)

    def add(self, attempt: Attempt) -> None:
        """A new item joins the end of its line."""
        self._line(attempt.key).waiting.append(attempt)

    def extend(self, attempts: Iterable[Attempt]) -> None:
        """New items, in this order."""
        for attempt in attempts:
            self.add(attempt)

    def put_back(self, attempt: Attempt) -> None:
        """An attempt that was admitted but could not be made goes before the others, uncharged."""
        for ticket in reversed(attempt.tickets):
            ticket.give_back()  # undo the charge: it is first in line again,
            ticket.give_back()  # and leave, for it asks anew
        attempt.tickets = ()
        self.add_due(attempt)

    def let_go(self, attempt: Attempt, now: float) -> None:
        """An attempt is over, settled or not: the gates that count what runs must hear it."""
        for ticket in attempt.tickets:
            ticket.settled(attempt, now)
        attempt.tickets = ()

    def add_due(self, attempt: Attempt) -> None:
        """An attempt to be made again goes before new items, but behind a head that already holds tickets."""
        line = self._line(attempt.key)
        line.waiting.insert(1 if line.tickets else 0, attempt)

    def next(self, now: float) -> Attempt | None:
        """The next attempt that may start now, its tickets taken; it carries `error` if a gate refused it."""
        self._collect(now)
        for _ in range(len(self.open)):
            line = self.open.popleft()
            line.queued = False
            attempt = self._start(line, now)
            if attempt is not None:
                return attempt
        return None

    def next_time(self) -> float:
        """When to ask again, if nobody rings before."""
        return self.timed[0][0] if self.timed else FOREVER

    def pass_turn(self, now: float) -> None:
        """No slot is free: let others pass the gates where it is our turn; we shall queue again."""
        self._collect(now)
        for line in self.open:
            if line.tickets and all(ticket.opens_at <= now for ticket in line.tickets):
                _give_back(line)

    def withdraw(self) -> None:
        """Leave every queue: the run is over."""
        for line in self.lines.values():
            if line.tickets:
                _give_back(line)
                self._open(line)

    def _line(self, key: Hashable) -> Line:
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = Line(key)
            self._open(line)
        return line

    def _open(self, line: Line) -> None:
        if not line.queued:
            line.queued = True
            self.open.append(line)

    def _collect(self, now: float) -> None:
        while self.rung:
            self._open(self.rung.popleft())
        while self.timed and self.timed[0][0] <= now:
            line = heappop(self.timed)[2]
            line.due = FOREVER
            self._open(line)

    def _start(self, line: Line, now: float) -> Attempt | None:
        if not line.waiting:
            return None  # it was looked at for an earlier ring, and has emptied since
        try:
            opens_at = self._pass(line, now)
        except Exception as error:  # noqa: BLE001 - whatever a gate raises is the item's failure
            _give_back(line)
            line.waiting[0].error = error
            opens_at = now
        if opens_at > now:
            if opens_at < line.due:
                line.due = opens_at
                heappush(self.timed, (opens_at, next(self._ties), line))
            return None
        attempt = line.waiting.popleft()
        attempt.tickets, line.tickets = line.tickets, []
        if line.waiting:
            self._open(line)
        else:
            del self.lines[line.key]
        return attempt

    def _pass(self, line: Line, now: float) -> float:
        """Take every ticket of the head, or none. Returns when to try again; at most `now` if all were taken."""
        if not line.tickets and self.gates:
            self._request(line, now)
        opens_at = max((ticket.opens_at for ticket in line.tickets), default=now)
        if opens_at > now:
            return opens_at
        taken: list[Ticket] = []
        passed = False
        try:
            for ticket in line.tickets:
                if not ticket.take(now):
                    break
                taken.append(ticket)
            passed = len(taken) == len(line.tickets)
        finally:
            if not passed:  # one was faster, or raised: undo what was charged, and stay in line
                for ticket in reversed(taken):
                    ticket.give_back()
        return now if passed else max(*(ticket.opens_at for ticket in line.tickets), now + SPIN)

    def _request(self, line: Line, now: float) -> None:
        head = line.waiting[0]

        def ring() -> None:
            self.rung.append(line)
            self.wake()

        for gate in self.gates:
            line.tickets.append(gate.request(head, now, ring))


def _give_back(line: Line) -> None:
    for ticket in reversed(line.tickets):
        ticket.give_back()
    line.tickets = []

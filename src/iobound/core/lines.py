"""Items that wait to start, per key, and the tickets their heads hold at the gates.

A head starts when all gates are open. A line that is shut costs nothing until its time comes or a gate rings, so
a blocked key never holds up another.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import chain, count
from typing import TYPE_CHECKING

from iobound.core.admission import Admission, enter, undo
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from iobound.words.attempt import Attempt
    from iobound.words.gates import Gate, Ticket


class Line:
    """The waiting items of one key."""

    __slots__ = ("admission", "due", "key", "lines", "queued", "waiting")

    def __init__(self, key: Hashable, lines: Lines) -> None:
        self.key = key
        self.lines = lines
        self.due = FOREVER
        """When `Lines.timed` will bring it up."""
        self.waiting: deque[Attempt] = deque()
        self.admission: Admission | None = None
        """Where its head stands, once it had to queue."""
        self.queued = False
        """It stands in `Lines.open`: it will be looked at without anybody ringing."""

    @property
    def stands(self) -> bool:
        """Whether its head stands in queues."""
        return self.admission is not None and bool(self.admission.tickets)

    def leave(self) -> None:
        """Leave every queue."""
        if self.admission is not None:
            self.admission.leave()

    def ring(self) -> None:
        """A gate may let the head pass: have somebody look, unless somebody is about to."""
        self.lines.rung.append(self)
        if not self.lines.looking:
            self.lines.wake()


class Lines:
    """Every line of a run. `wake` is called when a gate rings; it takes no lock."""

    def __init__(self, gates: Sequence[Gate], wake: Callable[[], None], cost: float = 1) -> None:
        self.gates = gates
        self.cost = cost
        self.wake = wake
        self.lines: dict[Hashable, Line] = {}
        self.open: deque[Line] = deque()  # in turn, so that keys with work share the slots fairly
        self.timed: list[tuple[float, int, Line]] = []
        self.rung: deque[Line] = deque()
        self.standing: set[Line] = set()
        """Those whose heads hold tickets."""
        self.looking = False
        """Whoever holds the lock of the run asks for the next attempt before it lets go of it."""
        self.number = 0
        """Items that wait."""
        self._ties = count()

    def __bool__(self) -> bool:
        """Whether any item waits."""
        return bool(self.lines)

    def add(self, attempt: Attempt) -> None:
        """A new item joins the end of its line."""
        if self.cost != 1:
            attempt.cost = self.cost
        self.number += 1
        self._line(attempt.key).waiting.append(attempt)

    def extend(self, attempts: Sequence[Attempt]) -> None:
        """New items without a key, in this order."""
        if self.cost != 1:
            for attempt in attempts:
                attempt.cost = self.cost
        if attempts:
            self.number += len(attempts)
            self._line(None).waiting.extend(attempts)

    def put_back(self, attempt: Attempt) -> None:
        """An attempt that was admitted but could not be made goes before the others, uncharged."""
        undo(attempt.tickets)  # for it asks anew
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
        line.waiting.insert(1 if line.stands else 0, attempt)
        self.number += 1

    def next_head(self, now: float) -> Attempt | None:
        """The next attempt that may start now, its tickets taken; it carries `error` if a gate refused it."""
        if self.rung or self.timed:
            self._collect(now)
        for _ in range(len(self.open)):
            line = self.open.popleft()
            line.queued = False
            attempt = self._start(line, now)
            if attempt is not None:
                return attempt
        return None

    @property
    def shut_by(self) -> Gate | None:
        """The gate that holds up a head, of those that do the one which opens next."""
        soonest = (line for _, _, line in self.timed[:1])
        standing = next((line for line in chain(soonest, self.standing) if line.stands), None)
        return None if standing is None or standing.admission is None else standing.admission.shut_by

    def next_time(self) -> float:
        """When to ask again, if nobody rings before."""
        return self.timed[0][0] if self.timed else FOREVER

    def pass_turn(self, now: float) -> None:
        """Nothing may start here for now: let others pass the gates where it is our turn; we shall queue again."""
        self._collect(now)
        for line in list(self.open if len(self.open) < len(self.standing) else self.standing):
            admission = line.admission
            if line.queued and admission is not None and admission.passed:
                opens_at = max(ticket.opens_at for ticket in admission.tickets)
                if opens_at <= now:
                    self._step_back(line)
                else:
                    self._look_at(line, opens_at)

    def withdraw(self) -> None:
        """Leave every queue: the run is over, or nobody is there to pass."""
        for line in list(self.standing):
            self._step_back(line)
            self._open(line)

    def _step_back(self, line: Line) -> None:
        self.standing.discard(line)
        line.leave()

    def _line(self, key: Hashable) -> Line:
        line = self.lines.get(key)
        if line is None:
            line = self.lines[key] = Line(key, self)
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
        attempt, admission, tickets = line.waiting[0], line.admission, None
        try:
            if admission is None:
                tickets = enter(self.gates, attempt, now)
            elif not admission.tickets:
                tickets = enter(self.gates, attempt, now, admission.ring)
            if tickets is None and (tickets := self._queue(line, attempt, now)) is None:
                return None
        except Exception as error:  # noqa: BLE001 - whatever a gate raises is the item's failure
            self._step_back(line)
            # Its frames lead to whoever looked, perhaps the consumer: kept, they would keep a dropped run alive.
            error.__context__ = error.__traceback__ = None
            attempt.error, tickets = error, []
        line.waiting.popleft()
        self.number -= 1
        attempt.tickets = tickets
        if line.waiting:
            line.queued = True
            self.open.append(line)
        else:
            del self.lines[line.key]
        return attempt

    def _queue(self, line: Line, attempt: Attempt, now: float) -> list[Ticket] | None:
        """The tickets, if all can be taken now; else it stands in the queues, and is brought up when its time comes."""
        admission = line.admission
        if admission is None:
            admission = line.admission = Admission(self.gates, line.ring)
        opens_at = admission.advance(attempt, now)
        if opens_at <= now:
            self.standing.discard(line)
            return admission.hand_over()
        self.standing.add(line)
        self._look_at(line, opens_at)
        return None

    def _look_at(self, line: Line, at: float) -> None:
        if at < line.due:
            line.due = at
            heappush(self.timed, (at, next(self._ties), line))

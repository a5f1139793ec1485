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
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from iobound.words.attempt import Attempt
    from iobound.words.gates import Gate, Ticket


NONE: deque[Attempt] = deque()
"""Most lines have nothing to make again."""


class Line:
    """The waiting items of one key."""

    __slots__ = ("admission", "again", "due", "key", "lines", "queued", "side", "waiting")

    def __init__(self, key: Hashable, lines: Lines) -> None:
        self.key = key
        self.lines = lines
        self.due = FOREVER
        """When `Lines.timed` will bring it up."""
        self.waiting: deque[Attempt] = deque()
        self.again = NONE
        """Those that are made again, which go before new ones."""
        self.side = self.waiting
        """Of the two the one whose head stands in queues, while one does."""
        self.admission: Admission | None = None
        """Where its head stands, once it had to queue."""
        self.queued = False
        """It stands in `Lines.open`: it will be looked at without anybody ringing."""

    @property
    def stands(self) -> bool:
        """Whether its head stands in queues."""
        return self.admission is not None and bool(self.admission.tickets)

    @property
    def stands_alone(self) -> bool:
        """Whether it waits at a gate where nobody else does, so that nobody's turn is lost."""
        return self.admission is not None and getattr(self.admission.shut_by, "overtaken", False)

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
        return self.number > 0

    def add(self, attempt: Attempt) -> None:
        """A new item joins the end of its line. It carries `error` instead if its key cannot be looked up."""
        if self.cost != 1:
            attempt.cost = self.cost
        try:
            line = self._line(attempt.key)
        except Exception as error:  # noqa: BLE001 - out of the key's own `__hash__` or `__eq__`
            attempt.error = error
            return
        self.number += 1
        line.waiting.append(attempt)

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
        self._add_again(attempt, first=True)

    def let_go(self, attempt: Attempt, now: float) -> None:
        """An attempt is over, settled or not: the gates that count what runs must hear it."""
        for ticket in attempt.tickets:
            ticket.settled(attempt, now)
        attempt.tickets = ()

    def add_due(self, attempt: Attempt) -> None:
        """An attempt to be made again goes before new items, but behind a head that already holds tickets."""
        self._add_again(attempt, first=False)

    def _add_again(self, attempt: Attempt, *, first: bool) -> None:
        line = self._line(attempt.key)
        if line.again is NONE:
            line.again = deque()
        again, sooner = line.again, not line.again or attempt.index < line.again[0].index
        if line.stands and attempt.index < line.side[0].index and line.stands_alone:
            self._step_back(line)  # delivery waits for what was pulled first
            self._open(line)
        if not (first or sooner):
            again.append(attempt)
        else:
            again.insert(1 if line.stands and line.side is again else 0, attempt)
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
            if line.queued and admission is not None and admission.passed and admission.in_the_way:
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
        elif not (line.waiting or line.again):
            self._open(line)  # it could not be forgotten, see below
        return line

    def _forget(self, line: Line) -> Exception | None:
        """A line that has emptied goes. What is wrong with its key if it is not found by it."""
        try:
            found = self.lines.pop(line.key, None)
            if found is line:
                return None
            if found is not None:
                self.lines[line.key] = found  # the line of the key that this one has turned into
        except Exception as error:  # noqa: BLE001 - out of the key's own `__hash__` or `__eq__`
            return error
        changed = RuntimeError("the key of this item has changed while it waited: its hash is another one now")
        return hinted(changed, "key= takes values that stay as they are, such as text or numbers")

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
        admission, tickets = line.admission, None
        side = line.again or line.waiting if admission is None or not admission.tickets else line.side
        if not side:
            return None  # it was looked at for an earlier ring, and has emptied since
        attempt = side[0]
        try:
            if admission is None:
                tickets = enter(self.gates, attempt, now)
            elif not admission.tickets:
                tickets = enter(self.gates, attempt, now, admission.ring)
            if tickets is None:
                line.side = side
                tickets = self._queue(line, attempt, now)
            if tickets is None:
                return None
        except Exception as error:  # noqa: BLE001 - whatever a gate raises is the item's failure
            self._step_back(line)
            # Its frames lead to whoever looked, perhaps the consumer: kept, they would keep a dropped run alive.
            error.__context__ = error.__traceback__ = None
            attempt.error, tickets = error, []
        side.popleft()
        self.number -= 1
        attempt.tickets = tickets
        if line.waiting or line.again:
            line.queued = True
            self.open.append(line)
        elif (wrong := self._forget(line)) is not None:
            undo(tickets)
            attempt.tickets, attempt.error = (), attempt.error or wrong
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

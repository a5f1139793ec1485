"""First in, first out: a gate in front of a rule, and one such gate per key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Hashable

    from iobound.policies.rules import Rule
    from iobound.words.attempt import Attempt
    from iobound.words.gates import Ticket

Ring = Callable[[], None]
FEWEST = 1024
"""Keys that are remembered before the idle ones are looked for."""


def nobody() -> None:
    """What is rung where nobody waits."""


class Place:
    """A ticket: a place in a queue, and later what was taken."""

    __slots__ = ("at", "charge", "credited", "gate", "ring")

    def __init__(self, gate: Queue, charge: int, ring: Callable[[], None], at: int = -1) -> None:
        self.gate = gate
        self.charge = charge
        self.ring = ring
        self.at = at
        """When it was taken; -1: it waits."""
        self.credited = gate.rule.credited
        """What had been given back by then."""

    @property
    def unit(self) -> str | None:
        """What is counted here."""
        return self.gate.rule.unit

    @property
    def opens_at(self) -> float:
        """When `take` may succeed; infinite unless it is the head."""
        return self.gate.opens_at(self)

    def take(self, now: float) -> bool:
        """Pass, if it is the head and the time has come."""
        return self.gate.take(self, now)

    def give_back(self) -> None:
        """Untaken: leave the queue. Taken: return to its head with the charge undone."""
        self.gate.give_back(self)

    def settled(self, attempt: Attempt, now: float) -> None:
        """The call has ended."""
        if self.gate.counts:
            self.gate.settled(attempt)

    def spent(self, units: float, now: float) -> None:
        """The call used so many units."""
        self.gate.spent(self, units, now)


EMPTY: OrderedDict[Place, None] = OrderedDict()
"""The queue of the many gates where nobody ever waited."""


class Queue:
    """A gate. Shared by whoever waits at it: runs in several threads, loops, and code outside any run."""

    number = 0
    """Its place in the order in which gates are asked."""
    own = False
    """It is of one run alone: nobody else waits there."""
    overtaken = False
    """What is made again goes before the others that wait there."""

    def __init__(self, rule: Rule, name: str, lock: LockType | None = None) -> None:
        self.rule = rule
        self.name = name
        """How the summary calls it."""
        self.counts = rule.counts_running or lock is not None
        """It counts who is out: for its rule, or to know whether it may be forgotten."""
        self.lock = lock or Lock()
        self.places = EMPTY
        self.turn = 0
        """Who has waited and passed, and until `turn_ends` may pass again before others: one wakes up for several. By
        identity alone, which keeps no run alive."""
        self.turn_ends = -FOREVER
        self.out = 0
        """Tickets that were taken and may still be given back, or corrected."""

    def __str__(self) -> str:
        return self.name

    def enter(self, attempt: Attempt, now: float, ring: Ring | None = None) -> Ticket | None:
        """Pass at once, or not at all."""
        with self.lock:
            return self.let_in(attempt, now, ring)

    def let_in(self, attempt: Attempt, now: float, ring: Ring | None) -> Place | None:
        """* Pass at once, if nobody goes before who asks, and the rule lets it."""
        charge = self.rule.charge(attempt)
        if self.places and self._in_line(ring, now):
            return None
        if (at := self.rule.take(charge, now)) < 0:
            return None
        self.out += 1
        return Place(self, charge, nobody, at)

    def _in_line(self, ring: Ring | None, now: float) -> bool:
        """* Whether those who wait go before who asks: not while it has its turn."""
        return ring is None or id(ring) != self.turn or now > self.turn_ends

    def request(self, attempt: Attempt, now: float, ring: Callable[[], None]) -> Ticket:
        """Join the end of the queue."""
        with self.lock:
            return self.line_up(attempt, ring)

    def line_up(self, attempt: Attempt, ring: Callable[[], None]) -> Place:
        """* Join the end of the queue."""
        place = Place(self, self.rule.charge(attempt), ring)
        self._stand(place)
        return place

    def _stand(self, place: Place) -> None:
        if self.places is EMPTY:
            self.places = OrderedDict()
        self.places[place] = None

    def opens_at(self, place: Place) -> float:
        """When the head may go."""
        with self.lock:
            return self.rule.opens_at(place.charge) if self._head() is place else FOREVER

    def take(self, place: Place, now: float) -> bool:
        """The head goes, if the rule lets it; the next one is rung."""
        with self.lock:
            if self._head() is not place or (at := self.rule.take(place.charge, now)) < 0:
                return False
            del self.places[place]
            place.at, place.credited = at, self.rule.credited
            self.out += 1
            self.turn, self.turn_ends = id(place.ring), now + self.rule.turn
            head = self._head()
        if head is not None:
            head.ring()
        return True

    def give_back(self, place: Place) -> None:
        """Who took something is the head again; who waited is gone, and if it was the head the next one is rung."""
        head = None
        with self.lock:
            if place.at >= 0:
                self.rule.undo(place.charge, place.at, place.credited)
                place.at = -1
                self.out -= 1
                self._stand(place)
                self.places.move_to_end(place, last=False)
            elif place in self.places:
                first = self._head() is place
                del self.places[place]
                head = self._head() if first else None
        if head is not None:
            head.ring()

    def settled(self, attempt: Attempt) -> None:
        """A call has ended that had passed here."""
        with self.lock:
            if not self.out:
                return  # it came into this process by a fork, and is not counted here
            self.out -= 1
            head = self._head() if self.rule.settled(attempt) and self.places else None
        if head is not None:
            head.ring()

    def spent(self, place: Place, units: float, now: float) -> None:
        """Correct what a call was charged; the head may be able to go earlier."""
        with self.lock:
            less = self.rule.spent(place.charge, units, now)
            sooner, place.charge = less < place.charge, less
            head = self._head() if sooner else None
        if head is not None:
            head.ring()

    def forked(self, lock: LockType | None = None) -> None:
        """This is a forked child: nobody waits and nobody is inside; what was charged stays charged."""
        self.lock, self.places, self.out = lock or Lock(), EMPTY, 0
        self.rule.forked()

    def idle(self, now: float) -> bool:
        """* Whether nobody waits, nobody may come back, and the rule remembers nothing."""
        return not self.places and not self.out and self.rule.idle(now)

    def _head(self) -> Place | None:
        return next(iter(self.places), None)


class PerKey:
    """A gate for each key, made when it is first asked for and forgotten once it is as good as new.

    All have one lock, that of whoever looks for one: a gate that somebody is about to join is not idle.
    """

    own = False
    """As of `Queue`."""

    def __init__(self, rule: Callable[[], Rule], name: str, number: int) -> None:
        self.rule = rule
        self.number = number
        self.name = name
        self.lock = Lock()
        self.gates: dict[Hashable, Queue] = {}
        self.most = FEWEST

    def __str__(self) -> str:
        return self.name

    def enter(self, attempt: Attempt, now: float, ring: Ring | None = None) -> Ticket | None:
        """Pass the gate of the attempt's key at once, or not at all."""
        with self.lock:
            gate = self.gates.get(attempt.key)
            return (gate or self._add(attempt.key, now)).let_in(attempt, now, ring)

    def request(self, attempt: Attempt, now: float, ring: Callable[[], None]) -> Ticket:
        """Join the queue of the attempt's key."""
        with self.lock:
            gate = self.gates.get(attempt.key)
            return (gate or self._add(attempt.key, now)).line_up(attempt, ring)

    def _add(self, key: Hashable, now: float) -> Queue:
        """* Once there are twice as many as were needed at the last look, the idle go: constant work per key."""
        if len(self.gates) >= self.most:
            for each in [each for each, gate in self.gates.items() if gate.idle(now)]:
                with suppress(Exception):  # out of the key's own `__hash__` or `__eq__`: it stays
                    del self.gates[each]
            self.most = max(FEWEST, 2 * len(self.gates))
        gate = self.gates[key] = Queue(self.rule(), self.name, self.lock)
        return gate

    def forked(self) -> None:
        """As `Queue.forked`."""
        self.lock = Lock()
        for gate in self.gates.values():
            gate.forked(self.lock)

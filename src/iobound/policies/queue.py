"""First in, first out: a gate in front of a rule, and one such gate per key."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from iobound.policies.rules import Rule
    from iobound.words.attempt import Attempt
    from iobound.words.gates import Ticket

FEWEST = 1024
"""Keys that are remembered before the idle ones are looked for."""


class Place:
    """A ticket: a place in a queue, and later what was taken."""

    __slots__ = ("at", "charge", "gate", "ring")

    def __init__(self, gate: Queue, charge: int, ring: Callable[[], None]) -> None:
        self.gate = gate
        self.charge = charge
        self.ring = ring
        self.at = -1

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
        self.gate.settled()

    def spent(self, units: float, now: float) -> None:
        """The call used so many units."""
        self.gate.spent(self, units, now)


class Queue:
    """A gate. Shared by whoever waits at it: runs in several threads, loops, and code outside any run."""

    def __init__(self, rule: Rule, name: str) -> None:
        self.rule = rule
        self.name = name
        """How the summary calls it."""
        self.number = 0
        """Its place in the order in which gates are asked."""
        self.lock = Lock()
        self.places: OrderedDict[Place, None] = OrderedDict()
        self.out = 0
        """Tickets that were taken and may still be given back, or corrected."""

    def __str__(self) -> str:
        return self.name

    def request(self, attempt: Attempt, now: float, ring: Callable[[], None]) -> Ticket:
        """Join the end of the queue."""
        place = Place(self, self.rule.charge(attempt), ring)
        with self.lock:
            self.places[place] = None
        return place

    def opens_at(self, place: Place) -> float:
        """When the head may go."""
        with self.lock:
            return self.rule.opens_at(place.charge) if self._head() is place else FOREVER

    def take(self, place: Place, now: float) -> bool:
        """The head goes, if the rule lets it; the next one is rung."""
        with self.lock:
            if self._head() is not place or self.rule.opens_at(place.charge) > now:
                return False
            del self.places[place]
            place.at = self.rule.take(place.charge, now)
            self.out += 1
            head = self._head()
        if head is not None:
            head.ring()
        return True

    def give_back(self, place: Place) -> None:
        """Who took something is the head again; who waited is gone, and if it was the head the next one is rung."""
        head = None
        with self.lock:
            if place.at >= 0:
                self.rule.undo(place.charge, place.at)
                place.at = -1
                self.out -= 1
                self.places[place] = None
                self.places.move_to_end(place, last=False)
            elif place in self.places:
                first = self._head() is place
                del self.places[place]
                head = self._head() if first else None
        if head is not None:
            head.ring()

    def settled(self) -> None:
        """A call has ended that had passed here."""
        with self.lock:
            self.out -= 1
            head = self._head() if self.rule.settled() else None
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

    def idle(self, now: float) -> bool:
        """Whether nobody waits, nobody may come back, and the rule remembers nothing."""
        return not self.places and not self.out and self.rule.idle(now)

    def _head(self) -> Place | None:
        return next(iter(self.places), None)


class PerKey:
    """A gate for each key, made when it is first asked for and forgotten once it is as good as new."""

    def __init__(self, make: Callable[[], Queue], number: int) -> None:
        self.make = make
        self.number = number
        self.name = make().name
        self.lock = Lock()
        self.gates: dict[Hashable, Queue] = {}
        self.most = FEWEST

    def __str__(self) -> str:
        return self.name

    def request(self, attempt: Attempt, now: float, ring: Callable[[], None]) -> Ticket:
        """Join the queue of the attempt's key."""
        with self.lock:  # held for the request too: a gate that somebody is about to join is not idle
            gate = self.gates.get(attempt.key)
            if gate is None:
                self._forget(now)
                gate = self.gates[attempt.key] = self.make()
            return gate.request(attempt, now, ring)

    def _forget(self, now: float) -> None:
        """Once there are twice as many as were needed at the last look, drop the idle: constant work per key."""
        if len(self.gates) >= self.most:
            self.gates = {key: gate for key, gate in self.gates.items() if not gate.idle(now)}
            self.most = max(FEWEST, 2 * len(self.gates))

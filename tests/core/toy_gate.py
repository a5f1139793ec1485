"""Gates that are as small as the protocol of `words/gates.py` allows, and write down all that happens to them."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Any

from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from iobound.words.attempt import Attempt

SLACK = 1e-9
"""Tokens that rounding may lose."""


class Refused(Exception):  # noqa: N818 - it says what happened
    """What a gate raises at an item that it will never admit."""


class Place:
    """A place in the queue of one key."""

    def __init__(self, gate: ToyGate, attempt: Attempt, ring: Callable[[], None]) -> None:
        self.gate = gate
        self.attempt = attempt
        self.key, self.cost = attempt.key, attempt.cost
        self.ring = ring
        self.state = "waiting"
        self.charge: tuple[float, Hashable, float] | None = None

    unit = None

    @property
    def opens_at(self) -> float:
        with self.gate.lock:
            return self.gate.opens_at(self)

    def take(self, now: float) -> bool:
        with self.gate.lock:
            if self.attempt.item in self.gate.refuses_take:
                raise Refused(self.attempt.item)
            if self.gate.opens_at(self) > now or self.gate.fails():
                return False
            rings = self.gate.admit(self, now)
        self.gate.wake(rings)
        return True

    def give_back(self) -> None:
        with self.gate.lock:
            rings = self.gate.give_back(self)
        self.gate.wake(rings)

    def spent(self, units: float, now: float) -> None:
        raise AssertionError("nothing is counted here")

    def settled(self, attempt: Attempt, now: float) -> None:
        with self.gate.lock:
            assert self.state == "taken", f"a ticket that is {self.state} was settled"
            self.state = "settled"
            rings = self.gate.settle(self)
        self.gate.wake(rings)


class ToyGate:
    """Tokens per key: `rate` a second, at most `burst` of them saved. First in, first out per key."""

    def __init__(
        self,
        rate: float = FOREVER,
        burst: float = 1.0,
        *,
        refuses: Any = (),
        refuses_take: Any = (),
        fails: Callable[[], bool] = lambda: False,
    ) -> None:
        self.lock = Lock()
        self.rate, self.burst = rate, burst
        self.refuses, self.refuses_take, self.fails = set(refuses), set(refuses_take), fails
        self.queues: dict[Hashable, deque[Place]] = {}
        self.saved: dict[Hashable, tuple[float, float]] = {}
        self.places: list[Place] = []
        self.admitted: list[tuple[float, Hashable, float]] = []
        """(when, key, cost) of every charge that was not undone."""

    def enter(self, attempt: Attempt, now: float, ring: Callable[[], None] | None = None) -> Place | None:
        place = self.request(attempt, now, lambda: None)
        try:
            return place if place.take(now) else None
        finally:
            if place.state == "waiting":
                place.give_back()

    def request(self, attempt: Attempt, now: float, ring: Callable[[], None]) -> Place:
        if attempt.item in self.refuses:
            raise Refused(attempt.item)
        place = Place(self, attempt, ring)
        with self.lock:
            self.places.append(place)
            self.queues.setdefault(place.key, deque()).append(place)
        return place

    # All of these are called under the lock, and return whom to ring after it.

    def tokens(self, key: Hashable, now: float) -> float:
        saved, at = self.saved.get(key, (self.burst, now))
        return min(self.burst, saved + self.rate * max(0.0, now - at)) if self.rate < FOREVER else self.burst

    def opens_at(self, place: Place) -> float:
        if place.state != "waiting" or self.queues[place.key][0] is not place:
            return FOREVER
        saved, at = self.saved.get(place.key, (self.burst, -FOREVER))
        short = min(place.cost, self.burst) - saved - SLACK
        return at if short <= 0 or self.rate == FOREVER else at + short / self.rate

    def admit(self, place: Place, now: float) -> list[Place]:
        queue = self.queues[place.key]
        queue.popleft()
        place.state = "taken"
        place.charge = (now, place.key, place.cost)
        self.saved[place.key] = (self.tokens(place.key, now) - place.cost, now)
        self.admitted.append(place.charge)
        return [queue[0]] if queue else []

    def give_back(self, place: Place) -> list[Place]:
        queue = self.queues[place.key]
        if place.state == "taken":
            place.state = "waiting"
            if place.charge is not None:
                self.admitted.remove(place.charge)
            saved, at = self.saved[place.key]
            self.saved[place.key] = (min(self.burst, saved + place.cost), at)
            queue.appendleft(place)
            return []
        assert place.state == "waiting", f"a ticket that is {place.state} was given back"
        place.state = "gone"
        first = queue[0] is place
        queue.remove(place)
        return [queue[0]] if first and queue else []

    def settle(self, place: Place) -> list[Place]:
        return []

    @staticmethod
    def wake(places: list[Place]) -> None:
        """Outside the lock of the gate, but perhaps inside that of the run which moved it."""
        for place in places:
            place.ring()

    # What tests ask -----------------------------------------------------------------------------------------

    def waiting(self) -> list[Any]:
        """The items whose tickets stand in a queue."""
        return [place.attempt.item for queue in self.queues.values() for place in queue]

    def held(self) -> list[Any]:
        """The items whose tickets were taken, and never settled."""
        return [place.attempt.item for place in self.places if place.state == "taken"]

    def worst(self, length: float) -> float:
        """The most that was admitted for one key in any window of this length."""
        most = 0.0
        for key in {key for _, key, _ in self.admitted}:
            mine = sorted((when, cost) for when, which, cost in self.admitted if which == key)
            for begin, (start, _) in enumerate(mine):
                most = max(most, sum(cost for when, cost in mine[begin:] if when <= start + length))
        return most


class ToyPermits(ToyGate):
    """At most `number` calls per key at one time."""

    def __init__(self, number: int, **options: Any) -> None:
        super().__init__(**options)
        self.number = number
        self.out: dict[Hashable, int] = {}
        self.most = 0

    def opens_at(self, place: Place) -> float:
        if place.state != "waiting" or self.queues[place.key][0] is not place:
            return FOREVER
        return -FOREVER if self.out.get(place.key, 0) < self.number else FOREVER

    def admit(self, place: Place, now: float) -> list[Place]:
        self.out[place.key] = self.out.get(place.key, 0) + 1
        self.most = max(self.most, self.out[place.key])
        return super().admit(place, now)

    def give_back(self, place: Place) -> list[Place]:
        if place.state == "taken":
            self.out[place.key] -= 1
        return super().give_back(place)

    def settle(self, place: Place) -> list[Place]:
        self.out[place.key] -= 1
        queue = self.queues[place.key]
        return [queue[0]] if queue else []

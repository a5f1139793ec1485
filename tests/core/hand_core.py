"""A `Core` moved by hand: no model, no thread, no loop. Each method is one step of one party."""

from __future__ import annotations

from inspect import signature
from typing import Any

from iobound.core.rules import Rules
from iobound.core.run import OVER, READY, Core
from iobound.core.statistics import Tally
from iobound.policies.retry import Retry
from iobound.words.attempt import Attempt, Slot
from iobound.words.clock import FOREVER
from iobound.words.gates import Pause

TAKES_NOW = "now" in signature(Core.next_time).parameters


class Still:
    """A clock that shows what it is told."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def wait(self, bell: Any, until: float) -> None:
        raise AssertionError("nobody waits here")


class HandCore:
    """A dispatcher over a core, which does nothing unless told."""

    def __init__(self, clock: Still | None = None, **rules: Any) -> None:
        window = rules.pop("window", 8)
        self.clock = clock or Still()
        self.kept: list[Attempt] = []
        if rules.pop("keep", False):
            rules["keeper"] = self.kept.append
        rules.setdefault("counted", True)
        self.pauses = rules.pop("retry", None)
        if self.pauses is not None:
            rules["retry"] = Retry(budget=None)
        self.rules = Rules(window=window if callable(window) else lambda limit: window, **rules)
        self.rings = 0
        self.core = Core(self.rules, self.clock.now(), self.ring)
        self.tally = Tally()
        self.core.tallies.append(self.tally)
        self.running: list[Slot] = []
        self.late: list[Slot] = []
        self.started: list[int] = []
        self.delivered: list[Attempt] = []

    def ring(self) -> None:
        self.rings += 1

    @property
    def now(self) -> float:
        return self.clock.now()

    def offer(self, item: Any, key: Any = None, cost: float = 1) -> Attempt:
        attempt = Attempt()
        attempt.item, attempt.pulled, attempt.key, attempt.cost = item, self.now, key, cost
        self.core.offer(attempt)
        return attempt

    def offer_failed(self, item: Any, error: BaseException) -> Attempt:
        attempt = Attempt()
        attempt.item, attempt.pulled, attempt.error, attempt.stage = item, self.now, error, "earlier"
        self.core.offer_settled(attempt)
        return attempt

    def start(self) -> Slot | None:
        """Admit one attempt, if a slot is free."""
        if len(self.core.slots) >= self.core.slots.capacity:
            return None
        attempt = self.core.admit(self.now)
        if attempt is None:
            return None
        slot = Slot(self.clock, self.rules.task_timeout)
        slot.attempt = attempt
        attempt.started = self.now
        self.core.slots.add(slot)
        self.running.append(slot)
        self.started.append(attempt.index)
        return slot

    def start_all(self) -> list[Any]:
        """The items that may start now."""
        items = []
        while (slot := self.start()) is not None and slot.attempt is not None:
            items.append(slot.attempt.item)
        return items

    def settle(self, slot: Slot, value: Any = None, error: BaseException | None = None) -> Attempt:
        attempt = slot.attempt
        assert attempt is not None
        self.running.remove(slot)
        self.core.slots.discard(slot)
        slot.attempt = None
        attempt.value, attempt.error = value, error
        attempt.duration = self.now - attempt.started
        if error is None:
            self.tally.succeeded += 1
        else:
            self.tally.failed += 1
        self.decide(attempt)
        return attempt

    def decide(self, attempt: Attempt) -> None:
        """What a model does once a call has ended: judge, then settle."""
        if attempt.error is not None and self.pauses is not None:
            pause = self.pauses(attempt, self.now)
            attempt.pause = None if pause is None else Pause(pause)
        self.core.settle(attempt, self.now)

    def settle_item(self, item: Any, value: Any = None, error: BaseException | None = None) -> Attempt:
        slot = next(slot for slot in self.running if slot.attempt is not None and slot.attempt.item == item)
        return self.settle(slot, value, error)

    def expire(self) -> list[Any]:
        """Give up the calls whose time is over; the items."""
        items = []
        for slot in self.core.overdue(self.now):
            attempt = self.core.abandon(slot)
            assert attempt is not None
            self.running.remove(slot)
            self.late.append(slot)
            self.core.slots.time_out(attempt)
            self.decide(attempt)
            items.append(attempt.item)
        return items

    def come_back(self) -> None:
        """A call that was given up returns."""
        self.late.pop()
        self.core.slots.returned_late()

    def take(self, credit: bool = True) -> Attempt | None:
        """Deliver one outcome, if there is one."""
        if self.core.verdict() is not READY:
            return None
        attempt = self.core.delivery.ready.popleft()
        self.delivered.append(attempt)
        if credit:
            self.core.credit(1, self.now)
            if self.rules.max_errors is not None:
                self.core.check_errors()
        return attempt

    def take_all(self) -> list[Any]:
        """The items that can be delivered now."""
        items = []
        while (attempt := self.take()) is not None:
            items.append(attempt.item)
        return items

    def next_time(self) -> float:
        """When time alone will change something."""
        return self.core.next_time(self.now) if TAKES_NOW else self.core.next_time()

    @property
    def over(self) -> bool:
        return self.core.verdict() is OVER

    def go(self, seconds: float) -> None:
        self.clock.time += seconds


__all__ = ["FOREVER", "HandCore", "Still"]

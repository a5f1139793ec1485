"""Calls that find no descriptor: how far the limit falls, and when one was alone for sure."""

from __future__ import annotations

import pytest

from iobound.core.rules import Rules
from iobound.core.slots import PAUSE, Slots
from iobound.words.attempt import Attempt, Slot


class Crowd:
    """Calls in flight, all started at `now`."""

    def __init__(self, limit: int) -> None:
        self.slots = Slots(Rules(limit=limit, window=lambda limit: limit), 0.0)
        self.now = 1.0
        self.count = 0

    def start(self) -> Slot:
        slot = Slot(lambda: self.now, None)
        slot.attempt = Attempt()
        slot.attempt.index, slot.attempt.started = self.count, self.now
        self.count += 1
        self.slots.add(slot)
        return slot

    def fail(self, slot: Slot) -> int:
        """The call finds no descriptor, and is known to have ended before anybody counts."""
        attempt, slot.attempt = slot.attempt, None
        assert attempt is not None
        self.now += 0.001
        limit = self.slots.squeeze(attempt, self.now)
        if limit:
            self.slots.resize(limit)
        return limit

    def again(self, slot: Slot, index: int) -> Slot:
        """The item is started again."""
        self.now += 0.001
        slot.attempt = Attempt()
        slot.attempt.index, slot.attempt.started = index, self.now
        return slot


@pytest.mark.parametrize("failed", [1, 7, 40, 100])
def test_the_limit_falls_by_as_many_as_found_none_but_not_below_half(failed: int) -> None:
    crowd = Crowd(100)
    calls = [crowd.start() for _ in range(100)]
    for call in calls[:failed]:
        crowd.fail(call)
    assert crowd.slots.limit == max(100 - failed, 50)


def test_the_next_crowd_halves_it_again() -> None:
    crowd = Crowd(64)
    limits = []
    while crowd.slots.limit > 1:
        for call in [crowd.start() for _ in range(crowd.slots.limit)]:
            crowd.fail(call)
        limits.append(crowd.slots.limit)
        crowd.now += 0.001
    assert limits == [32, 16, 8, 4, 2, 1]


def test_where_few_run_it_falls_towards_those() -> None:
    crowd = Crowd(100)
    first, *_ = [crowd.start() for _ in range(3)]
    crowd.fail(first)
    assert crowd.slots.limit == 49


def test_a_straggler_of_a_larger_crowd_is_not_alone() -> None:
    crowd = Crowd(2)
    first, second = crowd.start(), crowd.start()
    assert crowd.fail(first) == 1
    assert crowd.fail(second) == 1  # it began when two might run
    assert crowd.fail(crowd.again(first, 0)) == 1  # another may have begun just before the limit fell
    assert crowd.fail(crowd.again(first, 0)) == 0


def test_who_is_alone_from_the_beginning_fails_at_once() -> None:
    crowd = Crowd(1)
    assert crowd.fail(crowd.start()) == 0


def test_a_slow_call_that_can_never_run_fails_too() -> None:
    """The limit must not grow again before it is seen to be alone."""
    crowd = Crowd(2)
    call = crowd.start()
    limits = [2]
    while limits[-1] and len(limits) < 10:
        crowd.now += 5 * PAUSE
        if crowd.now >= crowd.slots.recover_at:
            crowd.slots.resize(crowd.slots.recovered(crowd.now))
        limits.append(crowd.fail(call))
        crowd.again(call, 0)
    assert limits == [2, 1, 1, 0]


def test_two_items_that_can_never_run_both_fail() -> None:
    crowd = Crowd(2)
    first, second = crowd.start(), crowd.start()
    crowd.fail(first), crowd.fail(second)
    assert [crowd.fail(crowd.again(first, index)) for index in (0, 1, 0, 1)] == [1, 1, 0, 0]


def test_it_grows_again_step_by_step() -> None:
    crowd = Crowd(20)
    for call in [crowd.start() for _ in range(20)]:
        crowd.fail(call)
    limits, now = [], crowd.slots.recover_at
    while crowd.slots.limit < 20:
        crowd.slots.resize(crowd.slots.recovered(now))
        limits.append(crowd.slots.limit)
        now += PAUSE
    assert limits == list(range(11, 21))

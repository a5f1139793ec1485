"""Memory budgets: sizes as people write them, and the gate by what it is told."""

from __future__ import annotations

from typing import Any

import pytest

from iobound.policies.memory import MemoryGate, size_of
from iobound.signals.memory import resident, trim
from iobound.words.attempt import Attempt
from iobound.words.clock import FOREVER

MB = 10**6


@pytest.mark.parametrize(
    "told, size",
    [
        ("2GB", 2 * 10**9),
        ("1.5 GiB", 3 * 2**29),
        ("500mb", 500 * MB),
        ("65536 kib", 2**26),
        ("1000000", MB),
        (4096 * 4096, 2**24),
        ("50%", 0.5),
        (0.25, 0.25),
    ],
)
def test_a_size_is_read_as_people_write_it(told: Any, size: float) -> None:
    assert size_of(told) == size


@pytest.mark.parametrize(
    "told",
    [
        "",
        "much",
        "-1GB",
        "0",
        "0%",
        "100%",
        "250%",
        "1e9",
        0,
        50,
        "50",
        "10 kb",
        1 << 61,
        1.0,
        -5,
        1.5,
        float("nan"),
        True,
        None,
        b"1GB",
    ],
)
def test_what_is_no_size_is_refused(told: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="memory="):
        size_of(told)


@pytest.mark.parametrize(
    "told, message, hint",
    [
        (50, "memory=50 is", "'50MB'"),
        ("100%", "memory='100%' is", "below 100%"),
        ("lots", "memory='lots' is", "'2GB'"),
    ],
)
def test_a_size_that_cannot_be_meant_is_told_as_it_was_written(told: Any, message: str, hint: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        size_of(told)
    assert hint in caught.value.__notes__[0]


def places(gate: MemoryGate, count: int) -> list[Any]:
    return [gate.request(attempt(index), 0.0, lambda: None) for index in range(count)]


def attempt(index: int) -> Attempt:
    made = Attempt()
    made.index = index
    return made


DONE = Attempt()


def start_all(waiting: list[Any]) -> int:
    """Start as many of them as may, and say how many."""
    before = len(waiting)
    while waiting and waiting[0].take(0.0):
        waiting.pop(0)
    return before - len(waiting)


def test_one_call_runs_until_the_cost_is_known_then_twice_as_many_until_no_more_fit() -> None:
    gate = MemoryGate(500 * MB, "500MB")
    gate.observe(100 * MB)
    waiting = places(gate, 9)
    started = []
    while count := start_all(waiting):
        started.append(count)
        gate.share.ready = True  # the consumer may take what there is
        gate.observe((100 + 50 * gate.share.held) * MB)  # the results of those before are there still
        for _ in range(count):
            gate.settled(DONE)
    assert started == [1, 1, 2, 4]  # 8 of 50 MB, above 100 MB


def test_a_first_item_that_takes_little_does_not_let_all_others_in() -> None:
    """Before a look tells what they take only twice as many are held, not as many as would fit if all were so small."""
    gate = MemoryGate(500 * MB, "500MB")
    gate.observe(100 * MB)
    waiting = places(gate, 100)
    assert start_all(waiting) == 1
    gate.settled(DONE)
    gate.delivered(0, ready=False, awaited=None)
    assert start_all(waiting) == 2
    gate.observe(200 * MB)
    gate.settled(DONE)
    assert start_all(waiting) == 2
    assert gate.share.held == 4


def test_a_call_that_failed_at_once_is_not_counted_among_those_that_take_memory() -> None:
    """It waits to be made again while the next tells what they cost: that is the cost of one, not of two."""
    gate = MemoryGate(500 * MB, "500MB")
    gate.observe(100 * MB)
    failed = attempt(0)
    failed.error = OSError()
    first, second = places(gate, 2)
    assert first.take(0.0)
    gate.settled(failed)
    gate.look_at(1, ready=False, awaited=0)
    assert second.take(0.0)
    gate.observe(150 * MB)
    gate.settled(DONE)
    assert gate.share.cost == pytest.approx(50 * MB, rel=0.02)


def test_what_is_delivered_makes_room() -> None:
    gate = MemoryGate(300 * MB, "300MB")
    gate.observe(100 * MB)
    first, second, third = places(gate, 3)
    assert first.take(0.0)
    gate.observe(200 * MB)
    gate.settled(DONE)
    assert second.take(0.0)
    gate.observe(300 * MB)
    assert not third.take(0.0)
    gate.delivered(0, ready=False, awaited=None)
    gate.observe(200 * MB)
    assert third.take(0.0)


def test_one_call_may_always_run() -> None:
    gate = MemoryGate(10 * MB, "10MB")
    gate.observe(500 * MB)
    first, second = places(gate, 2)
    assert first.take(0.0)
    gate.settled(DONE)
    gate.delivered(1, ready=False, awaited=None)
    assert second.take(0.0)


def test_beyond_the_budget_only_the_item_may_run_that_delivery_waits_for() -> None:
    """Any other would only add to what cannot be delivered."""
    gate = MemoryGate(10 * MB, "10MB")
    gate.observe(500 * MB)
    first, second, third, fourth = places(gate, 4)
    assert first.take(0.0)
    gate.settled(DONE)
    gate.look_at(1, ready=False, awaited=3)
    assert second.opens_at == third.opens_at == FOREVER
    assert not second.take(0.0)
    assert fourth.take(0.0)


def test_a_failed_call_teaches_only_if_it_took_something() -> None:
    gate = MemoryGate(500 * MB, "500MB")
    gate.observe(100 * MB)
    failed = attempt(0)
    failed.error = OSError()
    first, second, third, fourth = places(gate, 4)
    assert first.take(0.0)
    gate.settled(failed)
    assert second.take(0.0)
    assert not third.take(0.0)
    gate.observe(120 * MB)
    gate.settled(failed)
    assert third.take(0.0)
    assert not fourth.take(0.0)  # two are held that took something, and one has told how much
    gate.settled(failed)
    assert fourth.take(0.0)


def after_one_item() -> tuple[MemoryGate, list[Any]]:
    """A budget of 300 MB, 100 of them taken before; an item has been seen to take 10. Others wait."""
    gate = MemoryGate(300 * MB, "300MB")
    gate.observe(100 * MB)
    first, *waiting = places(gate, 30)
    assert first.take(0.0)
    gate.observe(110 * MB)
    gate.settled(DONE)
    gate.share.told = 100
    return gate, waiting


def test_looks_that_see_items_half_made_do_not_let_more_in() -> None:
    gate, waiting = after_one_item()
    for look in range(1000):  # each call takes 10 MB in the end, and 8 when it is looked at
        if waiting[0].take(0.0):
            waiting.pop(0)
        gate.observe((100 + 8 * gate.share.held) * MB, 110 * MB)
        assert gate.share.held <= 20, look


def test_the_cost_of_large_items_is_forgotten_in_time() -> None:
    gate = MemoryGate(300 * MB, "300MB")
    gate.observe(100 * MB)
    for place in places(gate, 1000):
        assert place.take(0.0)
        gate.observe((101 if gate.share.told else 200) * MB)
        gate.settled(DONE)
        gate.delivered(0, ready=False, awaited=None)
    assert gate.share.cost < 2 * MB


def test_calls_that_were_started_since_the_last_look_are_counted_on_top_of_what_it_saw() -> None:
    gate, waiting = after_one_item()
    gate.observe(270 * MB)  # somebody else has taken so much
    gate.share.cost = 10.0 * MB
    assert sum(place.take(0.0) for place in waiting) == 3
    gate.observe(280 * MB)  # of those three one has what it needs
    gate.share.cost = 10.0 * MB
    assert sum(place.take(0.0) for place in waiting[3:]) == 2


def test_what_the_allocator_keeps_is_given_back_when_there_is_no_room() -> None:
    gate = MemoryGate(300 * MB, "300MB")
    share = gate.share
    gate.observe(100 * MB)
    for place in places(gate, 10):
        share.told = 10
        assert place.take(0.0)
        gate.observe((100 + 19 * share.held) * MB)
    assert not share.hoards(290 * MB)  # the ten account for it
    for _ in range(10):
        gate.settled(DONE)
    gate.delivered(1, ready=False, awaited=None)
    gate.observe(290 * MB)
    assert share.cost < 20 * MB  # what was freed is not the cost of the one that is left
    assert share.hoards(290 * MB)
    share.trimmed(250 * MB, 290 * MB)
    assert not share.hoards(250 * MB)  # there is room
    assert not share.hoards(290 * MB - int(share.cost))
    assert share.hoards(299 * MB)


def test_the_process_can_be_told_to_give_memory_back() -> None:
    before = resident()
    trim()
    assert before is None or (resident() or 0) > 0


def test_who_may_go_already_is_not_rung_again() -> None:
    """It waits for a place in its run, and each ring would have somebody look."""
    gate, rings = MemoryGate(300 * MB, "300MB"), []
    gate.observe(100 * MB)
    first = gate.request(attempt(0), 0.0, lambda: None)
    gate.request(attempt(1), 0.0, lambda: rings.append(1))
    assert first.take(0.0)
    rings.clear()
    gate.share.told = 10
    gate.share.cost = 300.0 * MB
    gate.observe(100 * MB)
    assert not rings
    gate.share.cost = 1.0 * MB
    gate.delivered(0, ready=False, awaited=None)
    gate.share.cost = 300.0 * MB
    gate.settled(DONE)
    rings.clear()
    for _ in range(5):
        gate.observe(100 * MB)
    assert not rings


def test_nobody_queues_behind_one_who_waits_for_a_place_in_the_run_only() -> None:
    gate = MemoryGate(300 * MB, "300MB")
    gate.observe(100 * MB)
    gate.share.known, gate.share.cost = True, 150.0 * MB
    first = gate.request(attempt(0), 0.0, lambda: None)
    passed = gate.enter(attempt(1), 0.0)
    assert passed is not None  # there was room for the first too
    assert not first.take(0.0)
    assert gate.enter(attempt(2), 0.0) is None  # now the budget is what it waits for

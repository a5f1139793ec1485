"""The decisions of the core, one by one, on a clock that stands still: no thread, no loop, no model."""

from __future__ import annotations

import pytest
from hand_core import FOREVER, HandCore

from iobound.core.rules import ErrorLimit
from iobound.core.source import refill
from iobound.core.statistics import snapshot
from iobound.words.errors import HungCalls, TooManyErrors


def test_no_more_start_than_the_limit_and_the_next_starts_when_one_has_ended() -> None:
    hand = HandCore(limit=2)
    for item in "abcd":
        hand.offer(item)
    assert hand.start_all() == ["a", "b"]
    hand.settle_item("b")
    assert hand.start_all() == ["c"]
    hand.settle_item("a")
    assert hand.take_all() == ["a", "b"]


def test_ordered_delivery_waits_for_the_first() -> None:
    hand = HandCore(limit=3)
    for item in "abc":
        hand.offer(item)
    hand.start_all()
    hand.settle_item("c")
    hand.settle_item("b")
    assert hand.take_all() == []
    hand.settle_item("a")
    assert hand.take_all() == ["a", "b", "c"]


def test_unordered_delivery_follows_completion() -> None:
    hand = HandCore(limit=3, ordered=False)
    for item in "abc":
        hand.offer(item)
    hand.start_all()
    for item in "cab":
        hand.settle_item(item)
    assert hand.take_all() == ["c", "a", "b"]


def test_room_comes_back_only_with_credit() -> None:
    hand = HandCore(limit=1, window=2)
    hand.offer("a")
    hand.offer("b")
    assert hand.core.delivery.room == 0
    hand.start_all()
    hand.settle_item("a")
    assert hand.take(credit=False)
    assert hand.core.delivery.room == 0
    hand.core.credit(1, 0.0)
    assert hand.core.delivery.room == 1


def test_a_container_is_refilled_up_to_the_window_and_no_further() -> None:
    hand = HandCore(limit=1, window=3)
    items = iter(range(5))
    refill(hand.core, items, 0.0)
    assert (hand.core.delivery.pulled, hand.core.source_open) == (3, True)
    assert next(items) == 3


def test_a_container_whose_end_coincides_with_the_window_ends_with_the_next_refill() -> None:
    hand = HandCore(limit=1, window=3)
    items = iter(range(3))
    refill(hand.core, items, 0.0)
    assert hand.core.source_open
    hand.core.credit(1, 0.0)
    refill(hand.core, items, 0.0)
    assert not hand.core.source_open


def test_a_container_that_changes_under_us_ends_the_run_after_what_was_pulled() -> None:
    hand = HandCore(limit=9, window=9)
    table = {1: 1, 2: 2}
    items = iter(table)
    assert next(items) == 1
    table[3] = 3
    refill(hand.core, items, 0.0)
    assert isinstance(hand.core.ending, RuntimeError)
    assert hand.over


def test_the_error_of_the_source_comes_after_what_was_pulled_before_it() -> None:
    hand = HandCore(limit=1)
    hand.offer("a")
    hand.core.end_source(OSError("gone"))
    assert not hand.over
    hand.start_all()
    hand.settle_item("a")
    assert hand.take_all() == ["a"]
    assert hand.over
    assert isinstance(hand.core.ending, OSError)


def test_the_first_failure_in_time_wins_and_drops_the_rest() -> None:
    hand = HandCore(limit=3)
    for item in "abcd":
        hand.offer(item)
    hand.start_all()
    hand.settle_item("a")
    hand.settle_item("c", error=ValueError("c"))
    assert hand.over
    assert hand.start_all() == []
    hand.settle_item("b", error=KeyError("b"))
    assert str(hand.core.failure) == "c"
    assert [index for index, _ in hand.core.others] == [1]
    assert hand.take_all() == []


def test_collected_failures_are_outcomes() -> None:
    hand = HandCore(limit=3, fail_fast=False)
    hand.offer("a")
    hand.core.end_source()
    hand.start_all()
    hand.settle_item("a", error=ValueError())
    assert hand.take_all() == ["a"]
    assert hand.over
    assert hand.core.failure is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), BaseException("odd")])
def test_what_is_no_exception_stops_the_run_even_under_collect(error: BaseException) -> None:
    hand = HandCore(limit=3, fail_fast=False)
    hand.offer("a")
    hand.start_all()
    hand.settle_item("a", error=error)
    assert hand.core.failure is error
    assert hand.over


def test_max_errors_stops_after_what_is_ready() -> None:
    hand = HandCore(limit=9, fail_fast=False, max_errors=ErrorLimit(count=1))
    for item in "abcde":
        hand.offer(item)
    hand.start_all()
    for item in "ac":
        hand.settle_item(item, error=ValueError())
    hand.settle_item("b")
    assert hand.take_all() == ["a", "b", "c"]
    assert hand.over
    assert isinstance(hand.core.ending, TooManyErrors)


def test_a_share_of_errors_counts_from_a_hundred_outcomes_on() -> None:
    hand = HandCore(limit=200, window=200, fail_fast=False, max_errors=ErrorLimit(share=0.03))
    for item in range(101):
        hand.offer(item)
    hand.start_all()
    for item in range(4):
        hand.settle_item(item, error=ValueError())
    for item in range(4, 99):
        hand.settle_item(item)
    hand.take_all()
    assert hand.core.ending is None
    hand.settle_item(99)
    hand.take_all()
    assert isinstance(hand.core.ending, TooManyErrors)


def test_a_retry_waits_without_a_slot_and_goes_before_new_items() -> None:
    hand = HandCore(limit=1, retry=lambda attempt, now: 5.0 if attempt.number < 2 else None, fail_fast=False)
    for item in "abc":
        hand.offer(item)
    hand.start_all()
    hand.settle_item("a", error=ValueError())
    assert hand.start_all() == ["b"]
    assert hand.next_time() == 5.0
    hand.go(5.0)
    hand.settle_item("b")
    assert hand.start_all() == ["a"]
    attempt = hand.settle_item("a", error=ValueError())
    assert attempt.number == 2
    assert hand.take_all() == ["a", "b"]
    assert (hand.core.starts.retried, hand.core.failed) == (1, 1)


def test_while_no_slot_is_free_a_due_retry_is_no_reason_to_ask_again_at_once() -> None:
    """Else whoever keeps the time spins until a slot is free."""
    hand = HandCore(limit=1, retry=lambda attempt, now: 5.0, timeout=60.0)
    hand.offer("a")
    hand.offer("b")
    hand.start_all()
    hand.settle_item("a", error=ValueError())
    assert hand.start_all() == ["b"]
    hand.go(6.0)
    assert hand.start_all() == []
    assert hand.next_time() > hand.now


def test_a_call_past_its_time_is_named_once() -> None:
    hand = HandCore(limit=3, task_timeout=10.0, max_abandoned=3, fail_fast=False)
    for item in "ab":
        hand.offer(item)
    hand.start_all()
    hand.go(9.0)
    assert hand.expire() == []
    hand.go(1.0)
    assert sorted(hand.expire()) == ["a", "b"]
    assert hand.expire() == []
    assert all(isinstance(attempt.error, TimeoutError) for attempt in hand.core.delivery.ready)


def test_calls_whose_time_is_over_together_are_named_in_the_order_of_their_starts() -> None:
    """Or which failure comes first, and so which is raised, would depend on addresses."""
    hand = HandCore(limit=20, window=20, task_timeout=10.0, max_abandoned=20, fail_fast=False)
    for item in range(20):
        hand.offer(item)
    hand.start_all()
    hand.go(10.0)
    assert hand.expire() == list(range(20))


def test_hung_calls_take_slots_only_beyond_max_abandoned() -> None:
    hand = HandCore(limit=2, task_timeout=1.0, max_abandoned=1, fail_fast=False, window=99)
    for item in range(9):
        hand.offer(item)
    assert hand.start_all() == [0, 1]
    hand.go(1.0)
    assert sorted(hand.expire()) == [0, 1]
    assert hand.core.slots.capacity == 1
    assert hand.start_all() == [2]
    hand.go(1.0)
    hand.expire()
    assert isinstance(hand.core.ending, HungCalls)


def test_a_call_that_comes_back_gives_its_slot_back() -> None:
    hand = HandCore(limit=2, task_timeout=1.0, max_abandoned=1, fail_fast=False)
    for item in range(5):
        hand.offer(item)
    hand.start_all()
    hand.go(1.0)
    hand.expire()
    assert hand.start_all() == [2]
    hand.come_back()
    assert hand.start_all() == [3]


def test_a_falling_limit_drops_nothing_and_starts_nothing_until_it_is_kept() -> None:
    hand = HandCore(limit=3, window=lambda limit: 2 * limit)
    for item in range(6):
        hand.offer(item)
    hand.start_all()
    hand.core.steering.resize(1, "told to")
    assert hand.core.delivery.room == -4
    hand.settle_item(0)
    hand.settle_item(1)
    assert hand.start_all() == []
    hand.settle_item(2)
    assert hand.start_all() == [3]
    assert hand.take_all() == [0, 1, 2]


def test_the_timeout_of_the_run_ends_it_after_what_is_ready() -> None:
    hand = HandCore(limit=2, timeout=10.0)
    for item in "ab":
        hand.offer(item)
    hand.start_all()
    hand.settle_item("a")
    assert hand.next_time() == 10.0
    hand.go(10.0)
    hand.core.overdue(hand.now)
    assert hand.take_all() == ["a"]
    assert hand.over
    assert isinstance(hand.core.ending, TimeoutError)


def test_nothing_is_delivered_before_the_keeper_has_it() -> None:
    hand = HandCore(limit=2, keep=True)
    hand.offer("a")
    hand.core.end_source()
    hand.start_all()
    hand.settle_item("a")
    assert hand.take_all() == []
    assert not hand.over
    hand.core.release(hand.kept.pop())
    assert hand.take_all() == ["a"]
    assert hand.over


def test_the_keeper_is_given_what_failed_before_it_came_to_us_too() -> None:
    hand = HandCore(limit=2, keep=True, fail_fast=False)
    attempt = hand.offer_failed("a", ValueError())
    assert hand.kept == [attempt]


def test_an_attempt_that_is_put_back_goes_first() -> None:
    hand = HandCore(limit=2, retry=lambda attempt, now: None)
    for item in "abc":
        hand.offer(item)
    first = hand.core.admit(0.0)
    assert first is not None
    hand.core.put_back(first)
    assert hand.start_all() == ["a", "b"]
    assert first.number == 1


def test_slots_that_idle_because_of_the_order_are_blamed_on_the_item() -> None:
    hand = HandCore(limit=2, window=3)
    for item in range(3):
        hand.offer(item)
    hand.start_all()
    hand.settle_item(1)
    hand.start_all()
    hand.settle_item(2)
    assert hand.start() is None
    hand.core.blocked(hand.now)
    hand.go(4.0)
    hand.settle_item(0)
    hand.take_all()
    stats = snapshot(hand.core, hand.now)
    assert (stats.held_by_order, stats.held_by_index) == (4.0, 0)


def test_stats_add_up() -> None:
    hand = HandCore(limit=9, fail_fast=False, retry=lambda attempt, now: 0.0 if attempt.number < 2 else None)
    for item in "abc":
        hand.offer(item)
    hand.offer_failed("d", OSError())
    hand.start_all()
    hand.settle_item("a")
    hand.settle_item("b", error=ValueError())
    assert hand.start_all() == ["b"]
    hand.settle_item("b", error=ValueError())
    stats = snapshot(hand.core, 7.0)
    assert (stats.pulled, stats.succeeded, stats.failed, stats.retried, stats.in_flight) == (4, 1, 2, 1, 1)
    assert stats.elapsed == 7.0


def test_without_gates_and_timeouts_only_a_ring_changes_anything() -> None:
    assert HandCore(limit=1).next_time() == FOREVER


def test_a_limit_that_falls_to_the_calls_that_hang_ends_the_run() -> None:
    hand = HandCore(limit=2, task_timeout=1.0, fail_fast=False, window=99)
    for item in "abc":
        hand.offer(item)
    assert hand.start() is not None
    hand.go(2.0)
    hand.expire()
    assert hand.core.ending is None
    hand.core.steering.resize(1, "told to")
    assert isinstance(hand.core.ending, HungCalls)

"""What held a run back: every second in which a place was free and nothing could start has one cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hand_core import HandCore

from iobound.core.source import refill
from iobound.core.statistics import snapshot

if TYPE_CHECKING:
    from iobound.words.stats import Stats


def stats(hand: HandCore) -> Stats:
    return snapshot(hand.core, hand.now)


def feed(hand: HandCore, item: Any) -> None:
    """The source gives an item while all workers wait: one of them takes it."""
    hand.offer(item)
    assert hand.start() is not None


def finish(hand: HandCore, item: Any, *, first: str) -> None:
    """A call ends. Its worker finds nothing more, and the consumer takes the result: either may be first."""
    hand.settle_item(item)
    steps = [lambda: hand.core.blocked(hand.now), hand.take_all]
    for step in steps if first == "worker" else reversed(steps):
        step()


@pytest.mark.parametrize("first", ["worker", "consumer"])
@pytest.mark.parametrize("rules", [{}, {"counted": True}])
def test_a_slow_source_holds_a_run_back_as_long_as_a_place_is_free(first: str, rules: Any) -> None:
    hand = HandCore(limit=2, window=8, **rules)
    feed(hand, 0)
    finish(hand, 0, first=first)
    for item in range(1, 4):
        hand.go(10.0)
        feed(hand, item)
        hand.go(1.0)
        finish(hand, item, first=first)
    assert stats(hand).held_by_source == 33.0


def test_what_the_source_took_to_say_that_it_has_ended_counts_too() -> None:
    hand = HandCore(limit=1, window=8)
    feed(hand, 0)
    finish(hand, 0, first="worker")
    hand.go(5.0)
    assert stats(hand).held_by_source == 5.0
    hand.core.end_source()
    hand.core.losses.review(hand.now)
    hand.go(5.0)
    assert stats(hand).held_by_source == 5.0


def test_nothing_is_held_back_while_all_places_are_taken() -> None:
    hand = HandCore(limit=2, window=8)
    hand.core.blocked(hand.now)
    hand.go(1.0)
    feed(hand, "a")
    hand.go(1.0)  # the other place is free still
    feed(hand, "b")
    hand.go(5.0)
    assert stats(hand).held_by_source == 2.0


def test_a_container_is_never_a_slow_source() -> None:
    hand = HandCore(limit=2, window=2)
    items = iter(range(4))
    hand.core.blocked(hand.now)
    refill(hand.core, items, hand.now)
    hand.go(5.0)
    assert stats(hand).held_by_source == 0.0


def test_results_taken_before_the_slow_one_do_not_hide_that_the_others_wait_for_it() -> None:
    hand = HandCore(limit=2, window=4)
    items = iter(range(9))
    refill(hand.core, items, hand.now)
    hand.start_all()
    hand.settle_item(0)
    hand.start_all()
    for item in (2, 3):
        hand.settle_item(item)
        hand.start_all()
    hand.core.blocked(hand.now)  # 0 is done, and not taken yet
    hand.go(1.0)
    hand.take_all()
    refill(hand.core, items, hand.now)
    hand.start_all()
    hand.settle_item(4)
    hand.core.blocked(hand.now)
    hand.go(6.0)
    told = stats(hand)
    assert (told.held_by_consumer, told.held_by_order, told.held_by_index) == (1.0, 6.0, 1)


def test_the_item_that_others_wait_for_now_is_named_now() -> None:
    hand = HandCore(limit=2, window=2)
    hand.offer(0)
    hand.offer(1)
    hand.start_all()
    hand.settle_item(1)
    hand.core.blocked(hand.now)
    hand.go(2.0)
    told = stats(hand)
    assert (told.held_by_order, told.held_by_index) == (2.0, 0)


def test_a_consumer_that_waits_for_the_source_is_not_what_holds_it_back() -> None:
    hand = HandCore(limit=1, window=1, ordered=False)
    feed(hand, "a")
    hand.settle_item("a")
    hand.core.blocked(hand.now)
    hand.go(1.0)
    hand.take_all()
    hand.go(3.0)
    told = stats(hand)
    assert (told.held_by_consumer, told.held_by_source) == (1.0, 3.0)

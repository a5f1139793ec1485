"""Brief calls, for real: who makes them, how many at a time, and that one which hangs holds nobody up."""

from __future__ import annotations

import asyncio
import threading
import time
from random import Random
from typing import Any

import pytest

import iobound

MANY = 30_000
HERE = threading.main_thread()


class InFlight:
    """Counts the calls at a time. A few of them wait."""

    def __init__(self) -> None:
        self.lock, self.random = threading.Lock(), Random(7)
        self.now = self.peak = 0

    def __call__(self, item: int) -> int:
        with self.lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
            waits = self.random.random() < 0.02
        if waits:
            time.sleep(1e-3)
        with self.lock:
            self.now -= 1
        return item


def where(_item: int) -> threading.Thread:
    """Who makes the call."""
    return threading.current_thread()


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("concurrency", [1, 2, 5])
def test_no_more_run_than_were_asked_for(concurrency: int, ordered: bool) -> None:
    for _ in range(4):
        calls = InFlight()
        values = list(iobound.map(calls, range(MANY // 5), concurrency=concurrency, ordered=ordered))
        assert sorted(values) == [*range(MANY // 5)]
        assert calls.peak <= concurrency


def test_the_consumer_makes_calls_that_nobody_makes_faster() -> None:
    run = iobound.map(where, range(MANY))
    threads = list(run)
    assert threads[0] is not HERE
    assert threads.count(HERE) > MANY / 2
    assert run.stats.model in ("serial", "threads")
    assert run.stats.chosen.startswith("calls take ")


@pytest.mark.parametrize(
    "keywords",
    [
        {"model": "threads"},
        {"model": {"threads", "asyncio"}},
        {"task_timeout": 60},
        {"timeout": 60},
        {"retry": 1},
        {"rate": "1000000/s"},
        {"feed": "consumer"},
        {"ordered": False},
    ],
    ids=str,
)
def test_the_consumer_makes_none_where_that_was_not_asked_for(keywords: dict[str, Any]) -> None:
    assert HERE not in set(iobound.map(where, range(MANY // 10), **keywords))


def test_nor_where_a_coroutine_consumes() -> None:
    async def main() -> list[threading.Thread]:
        return await iobound.map(where, range(MANY // 10))

    assert HERE not in set(asyncio.run(main()))


def test_nor_where_a_loop_runs() -> None:
    """A call may start one of its own, which one thread cannot have twice."""

    async def main() -> set[threading.Thread]:
        return set(iobound.map(where, range(MANY // 10)))

    with pytest.warns(iobound.BlockingLoopWarning):
        assert HERE not in asyncio.run(main())


@pytest.mark.parametrize("at", [1, 2, MANY // 2, MANY - 1])
def test_a_call_may_wait_for_what_the_consumer_does_with_the_result_before(at: int) -> None:
    received = threading.Event()

    def call(item: int) -> int:
        if item == at:
            assert received.wait(30)
        return item

    for value in iobound.map(call, range(MANY)):
        if value == at - 1:
            received.set()
    assert received.is_set()


@pytest.mark.parametrize("at", [0, 1, MANY // 2])
def test_as_completed_a_call_may_wait_for_all_others_to_be_delivered(at: int) -> None:
    delivered = threading.Event()

    def call(item: int) -> int:
        if item == at:
            assert delivered.wait(30)
        return item

    values = []
    for value in iobound.map(call, range(MANY), ordered=False):
        values.append(value)
        if len(values) == MANY - 1:
            delivered.set()
    assert values[-1] == at
    assert sorted(values) == [*range(MANY)]


@pytest.mark.parametrize("at", [0, 1, MANY // 2])
def test_a_call_that_waits_for_a_later_one_is_no_dead_end(at: int) -> None:
    """Whoever is stuck, the consumer itself perhaps: others go on."""
    freed, made_by = threading.Event(), []

    def call(item: int) -> int:
        if item == at:
            made_by.append(threading.current_thread())
            assert freed.wait(30)
        elif item == at + 100:
            freed.set()
        return item

    assert list(iobound.map(call, range(MANY))) == [*range(MANY)]
    assert len(made_by) == 1


def test_storage_that_begins_to_wait_gets_its_threads() -> None:
    calls = InFlight()

    def call(item: int) -> int:
        if item < MANY // 2:
            return item
        with calls.lock:
            calls.now += 1
            calls.peak = max(calls.peak, calls.now)
        time.sleep(0.02)
        with calls.lock:
            calls.now -= 1
        return item

    assert list(iobound.map(call, range(MANY // 2 + 400))) == [*range(MANY // 2 + 400)]
    assert calls.peak >= 8


@pytest.mark.parametrize("keywords", [{}, {"concurrency": 16}], ids=str)
def test_a_few_calls_that_last_among_many_brief_ones_run_at_the_same_time(keywords: dict[str, Any]) -> None:
    """They are what the time goes into, though most calls that end are brief."""
    lock, beside, lasting = threading.Lock(), [], 0

    def call(item: int) -> int:
        nonlocal lasting
        if not item % 30:
            with lock:
                lasting += 1
                beside.append(lasting)
            time.sleep(0.02)
            with lock:
                lasting -= 1
        return item

    assert sorted(iobound.map(call, range(12_000), ordered=False, **keywords)) == [*range(12_000)]
    assert sorted(beside)[len(beside) // 2] >= 10  # of 16; it was 4 where only calls were heard of that end


def test_an_error_and_a_break_end_the_run_wherever_calls_are_made() -> None:
    def call(item: int) -> int:
        if item == MANY - 10:
            raise ValueError(item)
        return item

    with pytest.raises(ValueError, match=str(MANY - 10)):
        list(iobound.map(call, range(MANY)))
    outcomes = list(iobound.map(call, range(MANY), errors="collect"))
    assert [outcome.index for outcome in outcomes if not outcome.ok] == [MANY - 10]
    with iobound.map(call, range(MANY)) as run:
        for value in run:
            if value == MANY // 2:
                break
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("iobound")]

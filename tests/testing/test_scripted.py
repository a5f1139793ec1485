"""Scripted calls do what they are told, and remember it."""

from __future__ import annotations

import asyncio
from threading import Thread

import pytest

import iobound
from iobound.testing import HANG, Act, AsyncScripted, Played, Scripted, Simulated, VirtualClock, run_virtual


def test_without_a_plan_a_call_returns_its_item_at_once() -> None:
    fetch = Scripted()
    assert [fetch("a"), fetch("b")] == ["a", "b"]
    assert fetch.items == ["a", "b"]


def test_none_is_a_value() -> None:
    assert Scripted(Act(value=None))("a") is None


def test_a_mapping_names_items_and_attempts() -> None:
    fetch = Scripted({"a": [Act(error=ArithmeticError), Act(value=1), Act(value=2)]}, default=Act(value="other"))
    with pytest.raises(ArithmeticError):
        fetch("a")
    assert [fetch("a"), fetch("a"), fetch("a"), fetch("b")] == [1, 2, 2, "other"]
    assert fetch.attempts("a") == 4


def test_a_callable_sees_the_call() -> None:
    seen: list[Played] = []

    def plan(call: Played) -> Act:
        seen.append(call)
        return Act(value=call.index)

    clock = VirtualClock()
    fetch = Scripted(plan, clock=clock)
    assert list(iobound.map(fetch, "xyz", model=Simulated(clock))) == [0, 1, 2]
    assert [(call.item, call.index, call.attempt) for call in seen] == [("x", 0, 1), ("y", 1, 1), ("z", 2, 1)]


def test_an_error_is_the_very_object_or_a_new_one_of_its_type() -> None:
    error = KeyError("k")
    for _ in range(2):
        with pytest.raises(KeyError) as caught:
            Scripted(Act(error=error))("a")
        assert caught.value is error


def test_starts_ends_and_the_peak_are_recorded_on_a_simulated_run() -> None:
    clock = VirtualClock()
    fetch = Scripted(lambda call: Act(seconds=1 + call.item), clock=clock)
    list(iobound.map(fetch, range(4), model=Simulated(clock), concurrency=2))
    assert [(played.started, played.ended) for played in fetch.calls] == [(0, 1), (0, 2), (1, 4), (2, 6)]
    assert fetch.peak == 2


def test_starts_ends_and_the_peak_are_recorded_on_a_loop() -> None:
    fetch = AsyncScripted(Act(seconds=2))

    async def main() -> None:
        await asyncio.gather(*map(fetch, range(5)))

    run_virtual(main())
    assert {(played.started, played.ended) for played in fetch.calls} == {(0.0, 2.0)}
    assert fetch.peak == 5


def test_the_peak_counts_calls_that_take_no_time() -> None:
    fetch = Scripted()
    assert fetch.peak == 0
    fetch("a")
    assert fetch.peak == 1


def test_what_hangs_in_a_thread_is_released() -> None:
    with Scripted(HANG) as fetch:
        thread = Thread(target=fetch, args=("a",))
        thread.start()
        fetch.await_running(1)
        assert fetch.calls[0].ended is None
    thread.join(5)
    assert not thread.is_alive()
    assert fetch.calls[0].ended is not None


def test_calls_that_do_not_come_cannot_be_awaited() -> None:
    with pytest.raises(TimeoutError, match="0 calls run"):
        Scripted().await_running(1, patience=0.01)


def test_a_cancelled_call_ends_and_a_stubborn_one_goes_on() -> None:
    fetch = AsyncScripted({"stubborn": Act(seconds=5, stubborn=True)}, default=HANG)

    async def main() -> object:
        tasks = [asyncio.create_task(fetch(item)) for item in ("meek", "stubborn")]  # type: ignore[arg-type]
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    meek, stubborn = run_virtual(main())  # type: ignore[misc]
    assert isinstance(meek, asyncio.CancelledError)
    assert stubborn == "stubborn"
    assert [(played.ended, played.cancelled) for played in fetch.calls] == [(1.0, 1), (5.0, 1)]

"""`VirtualClock`: order, threads, and runs on threads that live by it."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest

import iobound
from iobound.models import Threads
from iobound.testing import HANG, Act, Scripted, VirtualClock
from iobound.words.bells import ThreadBell
from iobound.words.clock import FOREVER


def started(body: Any) -> Thread:
    thread = Thread(target=body, daemon=True)
    thread.start()
    return thread


def test_appointments_are_kept_in_order_of_time_and_then_of_request() -> None:
    clock = VirtualClock(100.0)
    kept: list[Any] = []
    for name, moment in [("c", 103.0), ("a", 101.0), ("b", 101.0), ("never", FOREVER), ("late", 200.0)]:
        clock.call_at(moment, lambda name=name: kept.append((name, clock.now())))
    clock.advance(3)
    assert kept == [("a", 101.0), ("b", 101.0), ("c", 103.0)]
    assert clock.next_moment() == 200.0


def test_an_appointment_made_on_the_way_is_kept_if_it_is_on_the_way() -> None:
    clock = VirtualClock()
    kept: list[float] = []

    def again() -> None:
        kept.append(clock.now())
        clock.call_at(clock.now() + 2, again)

    clock.call_at(1.0, again)
    clock.advance(6)
    assert kept == [1.0, 3.0, 5.0]


def test_a_cancelled_appointment_is_not_kept_and_time_does_not_go_there() -> None:
    clock = VirtualClock()
    clock.call_at(5.0, lambda: pytest.fail("kept")).cancel()
    assert not clock.step()
    assert clock.now() == 0.0


def test_a_step_goes_to_the_next_appointment_and_no_further_than_told() -> None:
    clock = VirtualClock()
    clock.call_at(5.0, lambda: None)
    assert not clock.step(4.9)
    assert clock.step(5.0)
    assert clock.now() == 5.0


@pytest.mark.parametrize("seconds", [-1, FOREVER, float("nan")])
def test_time_moves_forward_by_finite_steps(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        VirtualClock().advance(seconds)


def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    clock = VirtualClock(10.0)
    clock.wait(ThreadBell(), 10.0)


def test_a_rung_bell_ends_a_wait_without_any_time() -> None:
    clock, bell = VirtualClock(), ThreadBell()
    thread = started(lambda: clock.wait(bell, 60.0))
    clock.await_sleepers(1)
    bell.ring()
    thread.join(5)
    assert not thread.is_alive()
    assert (clock.now(), clock.next_moment(), clock.sleepers()) == (0.0, FOREVER, 0)


def test_threads_wake_one_after_the_other_each_at_its_own_moment() -> None:
    clock = VirtualClock()
    seen: list[tuple[str, float]] = []

    def body(name: str, *naps: float) -> None:
        for nap in naps:
            clock.sleep(nap)
            seen.append((name, clock.now()))

    threads = [started(lambda: body("a", 1, 1, 1)), started(lambda: body("b", 1.5, 1))]
    clock.await_sleepers(2)
    clock.advance(10)
    for thread in threads:
        thread.join(5)
    assert seen == [("a", 1.0), ("b", 1.5), ("a", 2.0), ("b", 2.5), ("a", 3.0)]


def test_a_thread_that_never_sleeps_cannot_be_awaited() -> None:
    with pytest.raises(TimeoutError, match="0 threads sleep"):
        VirtualClock().await_sleepers(1, patience=0.01)


def test_a_block_that_is_ahead_notes_its_sleep_and_sees_the_time_it_would_have() -> None:
    clock = VirtualClock()
    with clock.ahead() as ahead:
        clock.sleep(2)
        clock.sleep(3)
        assert clock.now() == 5.0
        with pytest.raises(RuntimeError, match="cannot move time"):
            clock.advance(1)
    assert (ahead.seconds, ahead.hung, clock.now()) == (5.0, False, 0.0)
    with clock.ahead() as ahead:
        clock.sleep(FOREVER)
    assert ahead.hung


def test_a_task_timeout_on_threads_takes_no_real_time() -> None:
    clock = VirtualClock()
    outcomes: list[Any] = []
    with Scripted(HANG, clock=clock) as fetch:
        run = iobound.map(fetch, range(3), model=Threads(clock=clock), task_timeout=3600, errors="collect")
        consumer = started(lambda: outcomes.extend(run))
        fetch.await_running(3)
        clock.await_sleepers(1)
        clock.advance(3599)
        assert consumer.is_alive()
        clock.advance(1)
        consumer.join(5)
    assert [type(outcome.error) for outcome in outcomes] == [TimeoutError] * 3
    assert run.stats.abandoned == 3


@pytest.mark.parametrize("late", [Act(error=OSError), Act(value="late")], ids=["raises", "returns"])
def test_what_a_given_up_call_still_does_on_threads_is_dropped(late: Act) -> None:
    """It comes back while its outcome waits for delivery."""
    clock = VirtualClock()
    hanging, back = Event(), Event()

    def fetch(item: int) -> Any:
        if item == 0:
            hanging.wait(10)
            if late.error is not None:
                raise late.error
            return late.value
        return item

    run = iobound.map(
        fetch, range(3), model=Threads(clock=clock), task_timeout=10, errors="collect", ordered=False, concurrency=2
    )
    outcomes: list[Any] = []

    def consume() -> None:
        outcomes.append(next(run))
        outcomes.append(next(run))
        back.wait(10)  # meanwhile the timeout strikes, and then the call returns
        outcomes.extend(run)

    consumer = started(consume)
    clock.await_sleepers(1)
    while len(outcomes) < 2:
        Event().wait(0.002)
        clock.advance(0.01)
    clock.advance(11)
    assert run._driver is not None
    core = run._driver.core
    while not core.slots.abandoned:
        clock.advance(1)
    hanging.set()
    for _ in range(500):
        if not core.slots.hanging:
            break
        Event().wait(0.01)
    assert not core.slots.hanging
    back.set()
    consumer.join(5)
    assert [outcome.item for outcome in outcomes if outcome.ok] == [1, 2]
    (failed,) = (outcome for outcome in outcomes if not outcome.ok)
    assert isinstance(failed.error, TimeoutError)
    assert failed.value is None
    stats = run.stats
    assert (stats.succeeded, stats.failed, stats.pulled) == (2, 1, 3)

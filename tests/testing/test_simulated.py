"""`Simulated`: a dispatcher on virtual time, in the consumer's thread."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import iobound
from iobound.testing import HANG, Act, AsyncScripted, Scripted, Simulated, VirtualClock
from iobound.words.errors import HungCalls


def test_calls_run_at_the_same_time_up_to_the_limit() -> None:
    clock = VirtualClock()
    fetch = Scripted(Act(seconds=2), clock=clock)
    assert list(iobound.map(fetch, range(10), model=Simulated(clock), concurrency=4)) == list(range(10))
    assert (fetch.peak, clock.now()) == (4, 6.0)


def test_the_default_limit_is_that_of_threads() -> None:
    clock = VirtualClock()
    fetch = Scripted(Act(seconds=1), clock=clock)
    list(iobound.map(fetch, range(100), model=Simulated(clock)))
    assert fetch.peak == 32


def test_no_thread_is_started() -> None:
    clock = VirtualClock()
    before = threading.active_count()
    seen = {threading.active_count() for _ in iobound.map(str, iter(range(9)), model=Simulated(clock), timeout=9)}
    assert seen == {before}


def test_any_function_that_sleeps_on_the_clock_takes_that_long() -> None:
    clock = VirtualClock()

    def fetch(item: int) -> float:
        clock.sleep(item)
        clock.sleep(1)
        return clock.now()

    assert list(iobound.map(fetch, [3, 1], model=Simulated(clock), ordered=False)) == [2.0, 4.0]


def test_a_function_that_never_sleeps_takes_no_time() -> None:
    assert list(iobound.map(len, ["a", "bc"], model=Simulated())) == [1, 2]


def test_the_first_failure_in_time_is_raised() -> None:
    clock = VirtualClock()
    fetch = Scripted({1: Act(3, error=KeyError), 2: Act(2, error=ArithmeticError)}, default=Act(1), clock=clock)
    with pytest.raises(ArithmeticError):
        list(iobound.map(fetch, range(4), model=Simulated(clock), ordered=True, grace=0))
    assert clock.now() == 2.0


def test_a_hung_call_is_given_up_and_returns_late() -> None:
    clock = VirtualClock()
    fetch = Scripted({0: Act(100)}, default=Act(1), clock=clock)
    run = iobound.map(fetch, range(3), model=Simulated(clock), task_timeout=10, errors="collect", concurrency=1)
    late = next(run)
    assert isinstance(late.error, TimeoutError)
    assert (clock.now(), run.stats.abandoned) == (10.0, 1)
    clock.advance(100)
    assert [outcome.value for outcome in run] == [1, 2]
    assert late.value is None
    assert run.stats.succeeded == 2


def test_too_many_hung_calls_end_the_run() -> None:
    clock = VirtualClock()
    fetch = Scripted(HANG, clock=clock)
    run = iobound.map(
        fetch, range(9), model=Simulated(clock), task_timeout=10, errors="collect", concurrency=2, max_abandoned=3
    )
    with pytest.raises(HungCalls):
        list(run)
    assert len(fetch.calls) == 5


def test_a_run_that_nothing_will_ever_end_says_so() -> None:
    clock = VirtualClock()
    with pytest.raises(RuntimeError, match="stuck"):
        next(iobound.map(Scripted(HANG, clock=clock), "a", model=Simulated(clock)))


def test_the_timeout_of_a_run_strikes_after_what_is_ready() -> None:
    clock = VirtualClock()
    fetch = Scripted({0: Act(1)}, default=Act(100), clock=clock)
    run = iobound.map(fetch, range(3), model=Simulated(clock), timeout=5)
    assert next(run) == 0
    with pytest.raises(TimeoutError):
        next(run)


def test_calls_go_on_while_the_consumer_is_slow() -> None:
    clock = VirtualClock()
    fetch = Scripted(Act(seconds=1), clock=clock)
    run = iobound.map(fetch, range(100), model=Simulated(clock), concurrency=2, buffersize=6)
    assert next(run) == 0
    clock.advance(50)
    assert [played.started for played in fetch.calls] == [0, 0, 1, 1, 2, 2, 3]  # six, and the one delivered
    run.close()


def test_calls_go_on_while_the_source_sleeps() -> None:
    clock = VirtualClock()

    def source() -> Any:
        yield from range(3)
        clock.sleep(10)
        yield 3

    fetch = Scripted(Act(seconds=2), clock=clock)
    run = iobound.map(fetch, source(), model=Simulated(clock), concurrency=2)
    arrived = [(item, clock.now()) for item in run]
    assert arrived == [(0, 2.0), (1, 2.0), (2, 4.0), (3, 12.0)]


def test_the_error_of_a_source_comes_after_what_it_gave() -> None:
    clock = VirtualClock()

    def source() -> Any:
        yield from range(3)
        raise ArithmeticError

    run = iobound.map(Scripted(Act(1), clock=clock), source(), model=Simulated(clock))
    assert [next(run) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ArithmeticError):
        next(run)


def test_an_endless_source_is_pulled_as_far_as_the_window_and_closed_with_the_run() -> None:
    clock = VirtualClock()
    events: list[Any] = []

    def source() -> Any:
        try:
            for item in iter(int, 1):
                events.append(item)
                yield item
        finally:
            events.append("closed")

    with iobound.map(Scripted(Act(1), clock=clock), source(), model=Simulated(clock), buffersize=5) as run:
        next(run)
        assert len(events) <= 6
    assert events[-1] == "closed"


def test_stages_compose() -> None:
    clock = VirtualClock()
    first = Scripted({2: Act(error=OSError)}, default=Act(1), clock=clock)
    second = Scripted(Act(1), clock=clock)
    inner = iobound.map(first, range(4), model=Simulated(clock), errors="collect")
    outcomes = list(iobound.map(second, inner, model=Simulated(clock), errors="collect"))
    assert [(outcome.item, outcome.ok) for outcome in outcomes] == [(0, True), (1, True), (2, False), (3, True)]
    assert outcomes[2].stage == inner.name
    assert second.items == [0, 1, 3]


def test_runs_share_a_clock() -> None:
    clock = VirtualClock()
    runs = [iobound.map(Scripted(Act(seconds), clock=clock), range(4), model=Simulated(clock)) for seconds in (1, 2)]
    assert list(zip(*runs, strict=True)) == [(item, item) for item in range(4)]
    assert clock.now() == 3.0  # the second starts when it is first used


def test_closing_waits_for_calls_at_most_grace() -> None:
    clock = VirtualClock()
    fetch = Scripted({0: Act(1)}, default=Act(100), clock=clock)
    with iobound.map(fetch, range(3), model=Simulated(clock), grace=5) as run:
        assert next(run) == 0
    assert clock.now() == 6.0
    assert run.stats.in_flight == 0
    assert not clock.step()


def test_current_is_known_in_a_call() -> None:
    clock = VirtualClock()

    def fetch(item: str) -> tuple[int, float]:
        clock.sleep(3)
        return iobound.current().index, iobound.current().remaining

    assert list(iobound.map(fetch, "ab", model=Simulated(clock), task_timeout=10)) == [(0, 7.0), (1, 7.0)]


def test_setup_is_entered_once_and_left() -> None:
    events: list[str] = []

    class Resource:
        def __enter__(self) -> str:
            events.append("in")
            return "resource"

        def __exit__(self, *exc: object) -> None:
            events.append("out")

    run = iobound.map(lambda item, resource: (item, resource), "ab", setup=Resource, model=Simulated())
    assert list(run) == [("a", "resource"), ("b", "resource")]
    assert events == ["in", "out"]


def test_hooks_are_told() -> None:
    clock = VirtualClock()
    told: list[Any] = []

    class Hook:
        def started(self, attempt: Any) -> None:
            told.append(("started", attempt.item, clock.now()))

        def settled(self, attempt: Any) -> None:
            told.append(("settled", attempt.item, clock.now()))

    list(iobound.map(Scripted(Act(2), clock=clock), "ab", model=Simulated(clock), hooks=[Hook()], concurrency=1))
    assert told == [("started", "a", 0), ("settled", "a", 2), ("started", "b", 2), ("settled", "b", 4)]


async def _numbers() -> Any:
    yield 1


@pytest.mark.parametrize("fn, items", [(AsyncScripted(), "ab"), (str, _numbers())], ids=["call", "source"])
def test_async_code_is_sent_to_the_virtual_loop(fn: Any, items: Any) -> None:
    with pytest.raises(TypeError, match="plain function") as caught:
        next(iobound.map(fn, items, model=Simulated()))
    assert "run_virtual" in str(caught.value.__notes__)


def test_the_same_run_takes_the_same_course() -> None:
    def course() -> list[Any]:
        clock = VirtualClock()
        fetch = Scripted(lambda call: Act((call.item * 7919 % 13) / 10), clock=clock)
        run = iobound.map(fetch, iter(range(200)), model=Simulated(clock), ordered=False, concurrency=5)
        return [(item, clock.now()) for item in run]

    assert course() == course()

"""The advisor on real functions, with budgets of a second or two: what it says is borne out by measuring afresh."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import warnings
from contextlib import contextmanager

import pytest

import iobound
from iobound.advisor.advise import NoneSucceeded

LOCK = threading.Lock()


def nap(_item):
    time.sleep(0.005)


def locked(_item):
    with LOCK:
        time.sleep(0.002)


def compute(_item):
    for _ in range(40_000):
        pass


async def doze(_item):
    await asyncio.sleep(0.005)


def afresh(advice, fn, items):
    """Items per second as recommended, as a multiple of one call at a time."""
    seconds = []
    for model, concurrency in ((advice.rows[-1].candidate.model, 1), (advice.model, advice.concurrency)):
        begun = time.perf_counter()
        list(iobound.map(fn, items, model=model, concurrency=concurrency))
        seconds.append(time.perf_counter() - begun)
    return seconds[0] / seconds[1]


def test_waiting_is_shared_by_threads_and_that_is_borne_out():
    said = []
    advice = iobound.advise(nap, range(1_000), budget="2s", max=8, say=said.append)
    assert (advice.model, advice.verdict) == ("threads", "clear")
    assert advice.concurrency in (4, 8)
    assert advice.split.waiting > 0.9 * advice.split.wall
    assert afresh(advice, nap, range(100)) > 1.1
    assert said[0] == "calls nap() many times for each of 40 items, for 2 s in all; the first pass shows how often"
    assert "each item is now called up to about" in said[1]
    assert (advice.drawn.used, advice.drawn.of, advice.drawn.failed) == (40, 1_000, 0)


def test_calls_that_wait_for_one_lock_are_too_close_to_call():
    """Two candidates that are equal by construction: whatever the concurrency, one call runs at a time."""
    advice = iobound.advise(locked, range(40), budget=3, max=4)
    assert advice.verdict in ("too close to call", "inconclusive")  # a machine that is not at rest may not tell
    if advice.verdict == "too close to call":
        assert (advice.model, advice.concurrency) == ("serial", 1)


def test_computing_under_the_gil_gains_nothing_from_threads():
    advice = iobound.advise(compute, range(40), budget=1.5, max=4)
    assert not (advice.model == "threads" and advice.verdict == "clear")
    assert advice.split.waiting < advice.split.wall / 2 or advice.warnings


def test_an_async_function_is_measured_on_asyncio_alone():
    advice = iobound.advise(doze, range(40), budget=2, max=8)
    assert {row.candidate.model for row in advice.rows} == {"asyncio"}
    assert (advice.model, advice.verdict) == ("asyncio", "clear")
    assert advice.concurrency > 1
    assert afresh(advice, doze, range(100)) > 1.1


def test_a_lambda_around_an_async_function_counts_as_async():
    """As for `map`, and also where not every call gives a coroutine; none is made for nothing."""
    begun = []

    async def noted(item, it):
        begun.append(item)
        await doze(item)

    @contextmanager
    def session():
        yield "session"

    around = lambda item, it: noted(item, it) if item % 10 else None  # noqa: E731
    advice = iobound.advise(around, range(1, 41), setup=session, budget=1, max=4)
    assert (advice.is_async, advice.model) == (True, "asyncio")
    assert {row.candidate.model for row in advice.rows} == {"asyncio"}
    assert advice.drawn.failed == 0
    assert len(begun) < advice.drawn.calls < len(begun) * 1.2


def test_a_coroutine_that_blocks_its_loop_is_told_so():
    async def blocks(_item):
        time.sleep(0.003)  # blocks

    advice = iobound.advise(blocks, range(40), budget=1, max=4)
    assert advice.split.blocking > 0.8 * advice.split.wall
    told = " ".join(str(advice).split())
    assert "of a call blocks its event loop: it waits without `await`" in told
    assert "in which others can run" not in told
    assert "a quieter or faster machine" not in told
    assert "iobound.to_async" in told


def test_inside_a_running_loop_it_warns_once_at_the_line_of_the_user():
    async def main():
        iobound.advise(nap, range(4), budget=0.2, max=2)  # here

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(main())
    [warning] = caught
    assert warning.category is iobound.BlockingLoopWarning
    assert "iobound.advise(nap, ...) blocks the running event loop" in str(warning.message)
    assert "asyncio.to_thread(iobound.advise, nap, ...)" in str(warning.message)
    line = main.__code__.co_firstlineno + 1
    assert (warning.filename, warning.lineno) == (__file__, line)


def test_a_model_under_which_all_calls_fail_is_not_compared():
    def first_thread_only(_item):
        if threading.current_thread() is not threading.main_thread():
            raise ValueError("signal only works in main thread")
        time.sleep(0.001)

    advice = iobound.advise(first_thread_only, range(40), budget="3s", max=2)
    assert (advice.model, advice.verdict) == ("serial", "clear")
    assert "threads, concurrency 2: all " in advice.reasons[0]
    assert "calls failed (ValueError: signal only works in main thread)" in advice.reasons[0]
    assert "the other side" not in str(advice)


def test_a_session_is_handed_on():
    used = []

    @contextmanager
    def session():
        used.append("session")
        yield "session"

    advice = iobound.advise(lambda item, it: used.append(it), range(10), setup=session, budget=0.5, max=2)
    assert set(used) == {"session"}
    assert advice.drawn.failed == 0


def test_a_slow_function_ends_with_its_budget_and_says_what_was_not_called():
    """No trial waits for the whole sample: it ends after its share of the time."""
    advice = iobound.advise(time.sleep, [0.1 + at / 1e6 for at in range(200)], budget=1, max=2)
    assert advice.drawn.used < 40
    assert f"the other {200 - advice.drawn.used} items" in advice.not_measured[0]


def test_a_call_that_takes_the_whole_budget_is_the_only_one():
    calls, said = [], []

    def slow(item):
        calls.append(item)
        time.sleep(0.05)

    advice = iobound.advise(slow, range(100), budget=0.04, say=said.append)
    assert len(calls) == advice.drawn.calls == 1
    assert (advice.model, advice.verdict) == ("serial", "inconclusive")
    assert 0 < advice.rows[0].rate.middle <= 20
    assert "more than one call at a time" in advice.not_measured
    assert "stopped rising" not in str(advice)
    assert "many times" not in str(advice)
    assert said[-1].endswith("per call; the time is over")


def test_failures_are_counted_and_told():
    def some(item):
        if item % 4 == 0:
            raise LookupError(f"no answer for {item}")
        time.sleep(0.001)

    advice = iobound.advise(some, range(40), budget=1, max=4)
    assert advice.drawn.failed >= 10
    assert advice.drawn.failures[0].startswith("LookupError: no answer for")
    assert any("calls failed: LookupError" in text for text, _ in advice.warnings)


def test_where_all_calls_fail_there_is_nothing_to_measure():
    def broken(item):
        raise ValueError(f"cannot do {item}")

    with pytest.raises(NoneSucceeded, match="all 3 calls failed: ValueError: cannot do ") as caught:
        iobound.advise(broken, [1, 2, 3], budget=1)
    assert caught.value.__notes__ == ["hint: try the function on one item first"]
    assert isinstance(caught.value.__cause__, ValueError)


def test_what_looks_destructive_is_called_only_when_that_is_allowed():
    calls = []

    def send_mail(item):
        calls.append(item)

    with pytest.raises(ValueError, match=r"send_mail\(\) looks as if it changes something \('send'\)") as caught:
        iobound.advise(send_mail, [1], budget=0.3)
    assert caught.value.__notes__ == ["hint: yes=True measures it all the same"]
    assert not calls
    iobound.advise(send_mail, [1], budget=0.3, max=2, yes=True)
    assert calls


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"items": []}, "items is empty"),
        ({"budget": "soon"}, "budget='soon' is not valid"),
        ({"sample": 0}, "sample=0 is not valid"),
        ({"max": 0}, "max=0 is not valid"),
        ({"fn": 7}, "fn=7 is not callable"),
        ({"items": 7}, "items must be iterable"),
        ({"setup": 7}, "setup=7 is not valid"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_called(arguments, message):
    keywords = {"fn": nap, "items": [1], **arguments}
    with pytest.raises((TypeError, ValueError), match=message):
        iobound.advise(keywords.pop("fn"), keywords.pop("items"), **keywords)


def test_an_async_source_is_refused():
    async def source():
        yield 1

    with pytest.raises(TypeError, match="items must be a plain iterable"):
        iobound.advise(nap, source())


def test_the_interpreter_is_left_as_it_was():
    interval, before = sys.getswitchinterval(), threading.active_count()
    iobound.advise(len, ["a"], budget=0.3, max=2)
    assert gc.isenabled()
    assert sys.getswitchinterval() == interval
    assert threading.active_count() == before


def test_ctrl_c_ends_it_and_leaves_nothing_behind():
    def impatient(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        iobound.advise(impatient, range(10), budget=1)
    assert gc.isenabled()

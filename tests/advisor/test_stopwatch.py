"""What surrounds a call while it is measured: times, deadlines, and of which colour it turns out to be."""

from __future__ import annotations

import asyncio
import time

import pytest

from iobound.advisor.bench import Bench
from iobound.advisor.stopwatch import GaveCoroutine, NotMade, metered, metered_async, timed, timed_async
from iobound.models.calls import name_of
from iobound.words.clock import FOREVER
from iobound.words.findings import Candidate

PAST = 0.0


async def doze(_item):
    await asyncio.sleep(0.005)


async def block(_item):
    time.sleep(0.005)  # blocks


def called(wrap, fn, *items, deadline=FOREVER):
    """What is written down of calls for these items."""
    meter = []
    wrapped = wrap(fn, meter, deadline)
    for item in items:
        value = wrapped(item)
        if asyncio.iscoroutine(value):
            asyncio.run(value)
    return meter


@pytest.mark.parametrize("wrap, fn", [(timed, abs), (metered, abs), (timed_async, doze), (metered_async, doze)])
def test_after_the_deadline_no_call_begins_but_the_first(wrap, fn):
    assert len(called(wrap, fn, 1, deadline=PAST)) == 1
    with pytest.raises(NotMade):
        called(wrap, fn, 1, 2, deadline=PAST)


@pytest.mark.parametrize("model, fn", [("threads", lambda _item: time.sleep(0.02)), ("asyncio", doze)])
def test_workers_begin_nothing_when_the_time_of_a_trial_is_over(model, fn):
    """Each would take the next item before the consumer hears of the first result."""
    bench = Bench(fn, range(100))
    trial = bench.trial(Candidate(model, 4), bench.items, expected=1e4, least=0.0, most=0.0)
    assert 0 < trial.calls == bench.calls <= 4
    assert trial.failed == bench.failures.count == 0


def test_a_coroutine_that_does_not_await_keeps_its_loop():
    [blocked] = called(metered_async, block, 1)
    assert blocked.kept >= 0.005 > blocked.cpu
    [awaited] = called(metered_async, doze, 1)
    assert awaited.wall >= 0.005
    assert awaited.kept < awaited.wall / 2


def test_a_call_is_cancelled_through_its_stopwatch():
    heard = []

    async def stubborn(_item):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    async def main():
        await asyncio.wait_for(metered_async(stubborn, [], FOREVER)(1), timeout=0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert heard == ["cancelled"]


def test_a_lambda_tells_by_its_first_call_that_it_is_async():
    """The coroutine is closed: it has not begun, and Python does not complain that nobody awaited it."""
    with pytest.raises(GaveCoroutine):
        called(metered, lambda _item: doze(1), 1)


@pytest.mark.parametrize("wrap", [timed_async, metered_async])
def test_behind_a_lambda_some_calls_may_give_a_value_at_once(wrap):
    mixed = wrap(lambda item: doze(item) if item else 7, [], FOREVER)
    assert [asyncio.run(mixed(item)) for item in (1, 0)] == [None, 7]


@pytest.mark.parametrize("wrap", [timed, timed_async, metered, metered_async])
def test_only_the_name_of_the_users_function_is_ever_told(wrap):
    assert name_of(wrap(doze, [], FOREVER)) == "doze"

"""`run.stats` and `current()`: what a run and a call know of themselves."""

from __future__ import annotations

import asyncio

import pytest

import iobound


async def same(item):
    return item


async def test_statistics_add_up(world, lazy):
    """At the end every count is exact."""

    async def body(item):
        if item % 10 == 0:
            raise ValueError(item)
        return item

    run = world.map(body, lazy(world.Meter(), 100), errors="collect", concurrency=4)
    await world.list(run)
    stats = run.stats
    assert (stats.pulled, stats.succeeded, stats.failed, stats.delivered) == (100, 90, 10, 100)
    assert (stats.in_flight, stats.retried, stats.abandoned) == (0, 0, 0)
    assert stats.elapsed > 0
    assert 0 <= stats.running.p50 <= stats.running.p90 <= stats.running.p99 <= stats.running.longest


async def test_statistics_before_and_while_it_runs(crowd):
    """Zero before the first use; calls in flight are counted while they run."""
    calls, valve = crowd.Meter(), crowd.Valve()

    async def body(item):
        if item:
            with calls:
                await valve.wait()
        return item

    run = crowd.map(body, range(10), concurrency=3)
    assert run.stats == iobound.Stats()
    assert await crowd.next(run) == 0
    await calls.when(inside=3).wait()
    stats = run.stats
    assert (stats.pulled, stats.in_flight, stats.succeeded) == (10, 3, 1)
    valve.open()
    await crowd.list(run)
    assert (run.stats.succeeded, run.stats.in_flight) == (10, 0)


async def test_durations_are_those_of_the_calls(world):
    """Slow calls are seen in the percentiles, and in the outcomes."""

    async def body(item):
        await world.pause(0.02)
        return item

    run = world.map(body, range(4), errors="collect")
    outcomes = await world.list(run)
    assert all(0.018 <= outcome.duration < 2 for outcome in outcomes)
    assert 0.018 <= run.stats.running.p50 <= run.stats.running.longest < 2


async def test_current_tells_which_attempt_this_is(world):
    """Index, item and number of the running attempt, also in what inherits its context."""

    async def body(item):
        first = iobound.current()
        await world.pause()
        second = iobound.current()
        inner = (await asyncio.to_thread(iobound.current)) if world.on_loop else second
        return [(each.index, each.item, each.attempt, each.key, each.remaining) for each in (first, second, inner)]

    results = await world.run(body, "abcdefgh", concurrency=3)
    assert results == [[(index, item, 1, None, float("inf"))] * 3 for index, item in enumerate("abcdefgh")]


async def test_current_outside_a_call_is_an_error(consumer):
    """Also in the consumer of a run."""
    with pytest.raises(LookupError, match="outside"):
        iobound.current()
    async for _ in consumer.each(iobound.map(abs, [1])):
        with pytest.raises(LookupError, match="outside"):
            iobound.current()

"""`run.drain()`: nothing more is started, and what runs may still deliver."""

from __future__ import annotations

import pytest


async def rest(world, run):
    """The results that still come before the run says that it was cut short."""
    results = []
    with pytest.raises(RuntimeError, match="stopped before its end"):
        await world.fill(results, run)
    return results


async def test_what_runs_is_delivered_and_nothing_more_is_started(crowd):
    """Results of the calls in flight come, then the run says that it was cut short."""
    calls, valve = crowd.Meter(), crowd.Valve()

    async def body(item):
        with calls:
            if calls.inside == 3:
                run.drain()
                valve.open()
            await valve.wait()
        return item

    run = crowd.map(body, range(1000), concurrency=3, buffersize=50, grace=4)
    results = await rest(crowd, run)
    assert 3 <= len(results) == calls.entered <= 6  # some were on the point of being started
    assert results == sorted(results)
    assert run.stats.in_flight == 0


async def test_a_call_that_goes_on_for_ever_has_grace(crowd):
    """Then the run is over without it."""
    calls, valve = crowd.Meter(), crowd.Valve()

    async def body(item):
        with calls:
            if item == 1:
                await valve.wait()
        return item

    run = crowd.map(body, range(10), concurrency=2, ordered=False, buffersize=2, grace=0.05)
    results = [await crowd.next(run)]
    await calls.when(entered=2).wait()
    run.drain()
    results += await rest(crowd, run)
    valve.open()
    assert 1 not in results
    assert results == sorted(results)


async def test_what_is_done_behind_a_call_that_hangs_is_delivered(crowd):
    """In order, without those that were not done in time."""
    calls, valve = crowd.Meter(), crowd.Valve()

    async def body(item):
        with calls:
            if item in {1, 3}:
                await valve.wait()
        return item

    run = crowd.map(body, range(100), concurrency=3, buffersize=8, grace=0.05)
    results = [await crowd.next(run)]
    await calls.when(left=6).wait()
    run.drain()
    results += await rest(crowd, run)
    valve.open()
    assert results == [item for item in range(len(results) + 2) if item not in {1, 3}]
    assert len(results) >= 6


async def test_between_two_results(world):
    """What is ready is delivered, in order, and no more is pulled."""
    pulled = []

    def source():
        for item in range(100):
            pulled.append(item)
            yield item

    async def body(item):
        return item

    run = world.map(body, source(), concurrency=1, buffersize=4)
    results = [await world.next(run), await world.next(run)]
    run.drain()
    before = len(pulled)
    results += await rest(world, run)
    assert results == [*range(len(results))]
    assert before <= len(pulled) <= before + 1
    assert len(results) <= len(pulled) <= 7


async def test_a_run_that_has_all_its_items_ends_well(world):
    """Draining takes nothing away from a run that has pulled its last item."""
    if not world.ahead:
        pytest.skip("serial does not know that it was the last")

    async def body(item):
        return item

    run = world.map(body, [0], concurrency=1)
    results = [await world.next(run)]
    run.drain()
    assert await world.next(run) is world.END
    assert results == [0]


async def test_before_its_first_use(world):
    """A run that was told to start nothing starts nothing."""

    async def body(item):
        return item

    run = world.map(body, range(3))
    run.drain()
    with pytest.raises(RuntimeError, match="stopped before its end"):
        await world.next(run)

"""Promise 1: never more in flight than `concurrency`, never more pulled and undelivered than `buffersize`."""

from __future__ import annotations

import contextlib
import gc
import itertools
import weakref
from threading import Event

import pytest

ordered = pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "as_completed"])


@ordered
async def test_concurrency_is_reached_and_never_exceeded(crowd, ordered):
    """Exactly `concurrency` calls are in flight at the peak."""
    calls = crowd.Meter()
    full = calls.when(inside=4)

    async def body(item):
        with calls:
            await full.wait()
            await crowd.pause()
        return item

    assert sorted(await crowd.run(body, range(60), concurrency=4, ordered=ordered)) == [*range(60)]
    assert calls.peak == 4


@pytest.mark.parametrize("concurrency", [1, 2, 40])
async def test_every_concurrency_is_reached(crowd, concurrency):
    """Also a single slot, and more than the default of threads."""
    calls = crowd.Meter()
    full = calls.when(inside=concurrency)

    async def body(item):
        with calls:
            await full.wait()

    await crowd.run(body, range(50), concurrency=concurrency)
    assert calls.peak == concurrency


async def test_serial_makes_one_call_at_a_time(world):
    """`model="serial"` is concurrency 1, whatever `concurrency` says."""
    if world.model != "serial":
        pytest.skip("about serial")
    calls = world.Meter()

    async def body(item):
        with calls:
            await world.pause(0.0001)

    await world.run(body, range(20), concurrency=8)
    assert calls.peak == 1


@ordered
@pytest.mark.parametrize("buffersize", [1, 6])
async def test_no_more_is_pulled_than_buffersize(world, lazy, buffersize, ordered):
    """An infinite lazy source is pulled at most `buffersize` beyond what was delivered, however slow the consumer."""
    pulls, asked = world.Meter(), 0
    beyond = []

    async def body(item):
        return item

    source = lazy(pulls)
    run = world.map(body, source, concurrency=4, buffersize=buffersize, ordered=ordered)
    async with world.opened(run):
        for step in range(1, 41):
            asked = step
            await world.next(run)
            await world.pause()
            beyond.append(pulls.entered - asked)
            if world.ahead and step == 1:
                await pulls.when(entered=buffersize).wait()
    assert max(*beyond, pulls.entered - asked) <= buffersize


@ordered
async def test_blocked_calls_bound_the_pull(away, lazy, ordered):
    """While no call ends, exactly `buffersize` items are pulled and `concurrency` calls started."""
    pulls, calls = away.Meter(), away.Meter()
    limit = 1 if away.model == "serial" else 2
    full, pulled = calls.when(inside=limit), pulls.when(entered=7)

    async def body(item):
        with calls:
            await full.wait()
            await pulled.wait()
        return item

    run = away.map(body, lazy(pulls, 30), concurrency=2, buffersize=7, ordered=ordered)
    assert await away.next(run) is not away.END
    await away.close(run)
    assert calls.peak == limit
    assert pulls.entered <= 7 + 1


@ordered
async def test_the_default_buffersize(world, ordered):
    """Ordered max(8 x concurrency, 256); as completed 2 x concurrency."""
    pulls = world.Meter()

    async def body(item):
        return item

    def source():
        while True:
            pulls.tick()
            yield 0

    run = world.map(body, source(), concurrency=4, ordered=ordered)
    await world.next(run)
    window = 256 if ordered else 2 * (1 if world.model == "serial" else 4)
    if world.ahead:
        await pulls.when(entered=window).wait()
    await world.close(run)
    assert pulls.entered <= window + 1


class Seen:
    """Something whose end can be seen."""

    def __init__(self, name, seen):
        self.name = name
        seen.append(weakref.ref(self))


@ordered
async def test_a_delivered_result_is_not_kept(world, ordered):
    """What the consumer has let go is gone at once, items and results alike, while the run goes on."""
    seen, valve, count = [], world.Valve(), itertools.count()

    async def body(item):
        return Seen(f"result {item.name}", seen)

    def pull():
        number = next(count)
        if number == 50:
            valve._event.wait(world.ceiling)
            return None
        return Seen(f"item {number}", seen)

    run = world.map(body, iter(pull, None), concurrency=2, buffersize=4, ordered=ordered)
    gc.disable()
    try:
        for number in range(50):
            result = await world.next(run)
            assert not ordered or result.name == f"result item {number}"
        del result
        with contextlib.suppress(AssertionError):
            await world.until(lambda: not any(ref() for ref in seen), 0.3)
        assert [ref().name for ref in seen if ref()] == []
    finally:
        gc.enable()
        valve.open()
    assert await world.next(run) is world.END


async def test_undelivered_results_are_bounded(away):
    """With a consumer that stays away, as many results wait as `buffersize` says, and no more are made."""
    made = away.Meter()

    async def body(item):
        made.tick()
        return item

    run = away.map(body, iter(lambda: 0, 1), concurrency=4, buffersize=6)
    await away.next(run)
    await made.when(entered=6).wait()
    await away.close(run)
    assert made.entered <= 7


async def test_the_item_that_order_waits_for_is_named(crowd):
    """`stats.held_by_order` and `held_by_index` say that item 3 kept slots idle; as completed there is none."""

    def body_of(calls):
        others = calls.when(left=5)

        async def body(item):
            if item == 3:
                await others.wait()
                await crowd.pause(0.05)  # the idle slot has to show
            else:
                calls.tick()
            return item

        return body

    run = crowd.map(body_of(crowd.Meter()), range(12), concurrency=2, buffersize=4)
    first = await crowd.take(run, 2)
    assert first == [0, 1]
    assert await crowd.list(run) == [*range(2, 12)]
    assert run.stats.held_by_index == 3
    assert run.stats.held_by_order > 0.01

    run = crowd.map(body_of(crowd.Meter()), range(12), concurrency=2, buffersize=4, ordered=False)
    assert sorted(await crowd.list(run)) == [*range(12)]
    assert (run.stats.held_by_order, run.stats.held_by_index) == (0.0, None)


async def test_a_source_that_makes_the_run_wait_is_named(crowd):
    """`stats.held_by_source` counts all of its pauses, not only the first or the last."""

    def slow():
        for item in range(6):
            Event().wait(0.02)
            yield item

    async def body(item):
        return item

    run = crowd.map(body, slow(), concurrency=4)
    assert await crowd.list(run) == [*range(6)]
    assert run.stats.held_by_source > 3 * 0.02  # before the first item nobody looks


async def test_memory_is_flat_over_many_lazy_items(world):
    """After 3,000 items no engine object of an earlier item is left."""

    def attempts():
        gc.collect()
        return sum(type(each).__name__ == "Attempt" for each in gc.get_objects())

    async def body(item):
        return item

    count, before = 0, attempts()
    run = world.map(body, (i for i in range(3000)), concurrency=2, buffersize=8, ordered=False)
    async for _ in world.each(run):
        count += 1
        if count == 2900:
            assert attempts() - before <= 8 + 4  # in the window; in the consumer's hand and the workers'
    assert count == 3000

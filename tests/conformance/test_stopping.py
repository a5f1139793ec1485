"""Promise 5: a run stops when it is told to, or dropped, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import weakref

import pytest


class Thing:
    """An item or a result whose end can be seen."""


async def same(item):
    return item


async def finish(world, run, ending):
    """End a run of which one result was taken."""
    match ending:
        case "end":
            await world.list(run)
        case "close":
            await world.close(run)
        case "with":
            async with world.opened(run):
                await world.next(run)
        case "error in with":
            with pytest.raises(LookupError):
                async with world.opened(run):
                    raise LookupError
        case "cancel" | "cancel from another thread":
            if ending == "cancel":
                run.cancel()
            else:
                aside(run.cancel).join()
            with pytest.raises(RuntimeError):  # after what was ready
                await world.list(run)


def aside(action):
    thread = threading.Thread(target=action)
    thread.start()
    return thread


ENDINGS = ("end", "close", "with", "error in with", "cancel", "cancel from another thread")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", ["list", "generator", "async generator"])
async def test_nothing_is_left_at_once(world, ending, kind):
    """No thread, no task, no descriptor, as soon as the run has ended; what it held is free to go."""
    before, things = world.descriptors(), []

    def numbers():
        yield from range(100)

    async def async_numbers():
        for number in range(100):
            yield number

    async def body(item):
        result = Thing()
        things.append(weakref.ref(result))
        return result

    body_ref = weakref.ref(body)
    source = {"list": range(100), "generator": numbers(), "async generator": async_numbers()}[kind]
    run = world.map(body, source, concurrency=4, buffersize=8)
    await world.next(run)
    await finish(world, run, ending)
    assert world.left_over() == []
    assert world.descriptors() == before
    stats = run.stats
    assert stats.in_flight == 0
    assert stats.elapsed == run.stats.elapsed
    del run, body, source
    gc.collect()
    assert not any(ref() for ref in things)
    assert body_ref() is None


@pytest.mark.parametrize("ending", ENDINGS[1:])
async def test_a_stopped_run_never_looks_complete(world, ending):
    """`next` after it raises, every time, and iterating does not end quietly."""
    run = world.map(same, itertools.count(), buffersize=4)
    await world.next(run)
    await finish(world, run, ending)
    for _ in range(2):
        with pytest.raises((RuntimeError, LookupError)):
            await world.next(run)
    with pytest.raises(RuntimeError):
        await world.list(run)
    await world.close(run)


async def test_breaking_out_stops_a_run_that_only_the_loop_held(world):
    """`for x in map(...): break`: on CPython at once, by reference counting alone."""
    pulled = world.Meter()

    def source():
        for number in itertools.count():
            pulled.tick()
            yield number

    gc.disable()
    try:
        async for _ in world.each(world.map(same, source(), concurrency=2, buffersize=4)):
            break
        await world.until(lambda: world.left_over() == [])
        seen = pulled.entered
        await world.pause(0.005)
        assert pulled.entered == seen <= 4 + 2
    finally:
        gc.enable()


async def test_a_dropped_run_in_a_cycle_stops_when_it_is_collected(world):
    """Collection stops it, wherever the collector runs."""
    run = world.map(same, itertools.count(), concurrency=2, buffersize=4)
    await world.next(run)
    cycle = [run]
    cycle.append(cycle)
    ref = weakref.ref(run)
    del run, cycle
    gc.collect()
    assert ref() is None
    await world.until(lambda: world.left_over() == [])


async def test_an_abandoned_run_starts_nothing_beyond_its_window(away):
    """A run that somebody still names, and nobody consumes, comes to rest."""
    calls = away.Meter()

    async def body(item):
        calls.tick()
        return item

    run = away.map(body, itertools.count(), concurrency=2, buffersize=6)
    await away.next(run)
    await calls.when(entered=6).wait()
    await away.pause(0.005)
    assert calls.entered <= 7
    await away.close(run)


async def test_nothing_starts_before_the_first_use(world):
    """Making a run costs nothing; closing an unused one is enough to make it unusable."""
    pulled = world.Meter()

    def source():
        pulled.tick()
        yield 1

    run = world.map(same, source())
    assert world.left_over() == []
    assert run.stats.pulled == 0
    async with world.opened(run):
        pass
    with pytest.raises(RuntimeError, match="stopped before its end"):
        await world.next(run)
    assert pulled.entered == 0
    unused = world.map(same, source())
    unused.cancel()
    with pytest.raises(RuntimeError):
        await world.next(unused)


async def test_closing_again_and_after_the_end_is_harmless(world):
    """An end that was reached stays one: StopIteration, again and again, also after close."""
    run = world.map(same, range(3))
    assert await world.list(run) == [0, 1, 2]
    await world.close(run)
    await world.close(run)
    run.cancel()
    assert await world.next(run) is world.END


@pytest.mark.parametrize("how", ["close", "cancel"])
async def test_stopping_from_another_thread_wakes_the_consumer(away, how):
    """A consumer that waits in `next` gets a RuntimeError."""
    valve, inside = away.Valve(), away.Valve()

    async def body(item):
        inside.open()
        await valve.wait()

    run = away.map(body, range(10), concurrency=2, grace=0.05)

    def stop():
        inside._event.wait(away.ceiling)
        getattr(run, how)()

    thread = aside(stop)
    try:
        with pytest.raises(RuntimeError):
            await away.list(run)
    finally:
        valve.open()
        thread.join()


async def test_closing_awaits_the_cleanup_of_coroutines(away):
    """Calls on a loop are cancelled, and their `finally` has ended when the run is closed."""
    if not away.on_loop:
        pytest.skip("about loops")
    calls, cleaned = away.Meter(), away.Meter()
    three = calls.when(inside=3)

    async def body(item):
        with calls:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                for _ in range(3):
                    await asyncio.sleep(0)
                cleaned.tick()

    run = away.map(body, range(10), concurrency=3)
    if away.in_async:
        async with run:
            task = asyncio.ensure_future(anext(run))
            await three.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    else:
        thread = aside(lambda: (three._event.wait(5), run.cancel()))
        with pytest.raises(RuntimeError):
            next(run)
        thread.join()
    assert (cleaned.left, away.left_over()) == (3, [])


async def test_running_threads_are_given_grace(away):
    """`close()` waits for a call that ends within `grace`, so that nothing runs behind the caller's back."""
    if away.on_loop:
        pytest.skip("about threads")
    calls, valve = away.Meter(), away.Valve()

    async def body(item):
        if item:
            with calls:
                await valve.wait()
        return item

    run = away.map(body, range(10), concurrency=2, ordered=False)
    assert await away.next(run) == 0
    await calls.when(inside=1).wait()
    timer = threading.Timer(0.02, valve.open)
    timer.start()
    await away.close(run)
    timer.join()
    assert calls.inside == 0
    assert away.left_over() == []
    assert run.stats.abandoned == 0


async def test_close_returns_after_grace_although_calls_hang(away):
    """What still runs then is abandoned, and counted."""
    if away.on_loop:
        pytest.skip("about threads")
    calls, valve = away.Meter(), away.Valve()

    async def body(item):
        if item:
            with calls:
                await valve.wait()
        return item

    run = away.map(body, range(10), concurrency=2, ordered=False, grace=0.01)
    assert await away.next(run) == 0
    await calls.when(inside=1).wait()
    await away.close(run)
    hanging = calls.inside
    assert not valve.is_open
    assert run.stats.abandoned == hanging >= 1
    valve.open()
    await away.until(lambda: not away.left_over())
    with pytest.raises(RuntimeError):
        await away.next(run)

"""Promise 5: the consuming task may be cancelled at any await, and nothing is left."""

from __future__ import annotations

import asyncio
import gc
import traceback
import types
from itertools import count

import pytest

import iobound

POINTS = 60


@types.coroutine
def cancelled_at(point, coroutine):
    """Await `coroutine`; the task is cancelled as it waits for the `point`-th time."""
    sent = None
    for waited in count():
        try:
            awaited = coroutine.send(sent)
        except StopIteration as stop:
            return stop.value
        if waited == point:
            asyncio.current_task().cancel()
        try:
            sent = yield awaited
        except BaseException as error:
            result = yield from thrown(coroutine, error)
            return result


@types.coroutine
def thrown(coroutine, error):
    """Go on with `coroutine` from an exception."""
    try:
        awaited = coroutine.throw(error)
        while True:
            awaited = coroutine.send((yield awaited))
    except StopIteration as stop:
        return stop.value


def plain(item):
    return item


async def native(item):
    await asyncio.sleep(0)
    return item


def late(item):
    return native(item)


async def numbers():
    for number in range(12):
        await asyncio.sleep(0)
        yield number


async def by_async_with(run):
    async with run:
        return [result async for result in run]


async def by_await(run):
    return await run


async def by_async_for(run):
    return [result async for result in run]


@pytest.mark.parametrize("consume", [by_async_with, by_await, by_async_for])
@pytest.mark.parametrize("source", [lambda: range(12), numbers, "run"], ids=["range", "async", "run"])
@pytest.mark.parametrize("fn", [plain, native, late])
def test_the_consumer_may_be_cancelled_at_every_await(fn, source, consume):
    """It ends as cancelled, at once where the run was opened; no task, thread or call is left; or it was complete."""

    async def main(point):
        items = iobound.map(native, range(12), buffersize=3) if source == "run" else source()
        run = iobound.map(fn, items, concurrency=2, buffersize=3)
        task = asyncio.ensure_future(cancelled_at(point, consume(run)))
        try:
            results = await task
        except asyncio.CancelledError as error:
            traceback.clear_frames(error.__traceback__)  # they hold the run
            if consume is not by_async_for:
                assert asyncio.all_tasks() == {asyncio.current_task()}
                with pytest.raises(StopAsyncIteration if run.stats.delivered == 12 else RuntimeError):
                    await anext(run)
            results = None
        del run, task, items
        gc.collect()
        for _ in range(200):
            if len(asyncio.all_tasks()) == 1:
                break
            await asyncio.sleep(0.0005)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return results

    ended = [asyncio.run(main(point)) for point in range(0, POINTS, 3)]
    assert ended[0] is None
    assert all(results in (None, [*range(12)]) for results in ended)


def test_a_cancelled_anext_loses_no_result():
    """`anext` may be cancelled and asked again: results wait."""

    async def main():
        valve = asyncio.Event()

        async def body(item):
            await valve.wait()
            return item

        run = iobound.map(body, range(5))
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(run), 0.002)
        valve.set()
        assert [result async for result in run] == [*range(5)]

    asyncio.run(main())


def test_cancelling_during_aclose_leaves_nothing_for_long():
    """A second cancellation may cut the wait for cleanup short, not the cleanup."""

    async def main():
        cleaned, inside = asyncio.Event(), asyncio.Event()

        async def body(item):
            try:
                inside.set()
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(0.01)
                cleaned.set()

        async def consume():
            async with iobound.map(body, [1]) as run:
                await anext(run)

        task = asyncio.create_task(consume())
        await inside.wait()
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(cleaned.wait(), 5)
        for _ in range(50):
            await asyncio.sleep(0.001)
            if len(asyncio.all_tasks()) == 1:
                return
        pytest.fail(f"left: {asyncio.all_tasks()}")

    asyncio.run(main())

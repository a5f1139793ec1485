"""Promises 8 and 17: the caller's loop is used, never replaced or blocked; private loops; loops of every kind."""

from __future__ import annotations

import asyncio
import sys
import threading
import warnings

import pytest

import iobound


async def native(item):
    await asyncio.sleep(0)
    return item


async def test_an_async_function_runs_on_the_loop_of_its_consumer(world):
    """The caller's own loop, where there is one; else one loop of the run, in a thread beside the consumer."""
    if not world.on_loop:
        pytest.skip("about loops")
    seen = set()

    async def body(item):
        seen.add((asyncio.get_running_loop(), threading.get_ident()))
        return item

    await world.run(body, range(30))
    ((loop, thread),) = seen
    if world.in_async:
        assert loop is asyncio.get_running_loop()
    else:
        assert thread != threading.get_ident()
        assert loop.is_closed()


async def test_sessions_of_the_caller_work(world):
    """Locks and queues made on the caller's loop can be used by its calls."""
    if not (world.on_loop and world.in_async):
        pytest.skip("about the caller's loop")
    lock, queue = asyncio.Lock(), asyncio.Queue()

    async def body(item):
        async with lock:
            await queue.put(item)
            return await queue.get()

    assert await world.run(body, range(30)) == [*range(30)]


def test_to_thread_on_a_private_loop_reaches_the_concurrency():
    """`asyncio.to_thread` in 40 calls at once: beyond the standard min(32, cpus + 4); in daemon threads."""
    barrier, daemons = threading.Barrier(40), []

    def blocking(item):
        daemons.append(threading.current_thread().daemon)
        barrier.wait(5)
        return item

    async def body(item):
        return await asyncio.to_thread(blocking, item)

    assert list(iobound.map(body, range(40), concurrency=40)) == [*range(40)]
    assert daemons == [True] * 40


def test_a_hung_to_thread_does_not_hold_up_close():
    """Its thread is a daemon, and the private loop does not wait for it beyond `grace`."""
    valve, inside, closed = threading.Event(), threading.Event(), threading.Event()

    def blocking():
        inside.set()
        valve.wait(30)

    async def body(item):
        if item:
            await asyncio.to_thread(blocking)

    def consume():
        run = iobound.map(body, range(2), grace=0.01)
        next(run)
        inside.wait(5)
        run.close()
        closed.set()

    thread = threading.Thread(target=consume)
    thread.start()
    try:
        assert closed.wait(3)
    finally:
        valve.set()
        thread.join()


def test_no_thread_of_to_thread_is_left():
    """After the end of a run its private executor's threads are gone as well."""

    async def body(item):
        return await asyncio.to_thread(abs, item)

    for _ in range(20):
        assert list(iobound.map(body, [-1, -2], concurrency=2)) == [1, 2]
        assert [thread.name for thread in threading.enumerate() if thread.name.startswith("iobound")] == []


@pytest.mark.parametrize("fn", [abs, native], ids=["plain", "async"])
def test_a_plain_for_inside_a_running_loop_warns_once_and_works(fn):
    """`BlockingLoopWarning`, pointing at the line of the user."""

    async def main():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert list(iobound.map(fn, range(5))) == [*range(5)]
        return caught

    (warning,) = asyncio.run(main())
    assert warning.category is iobound.BlockingLoopWarning
    assert "hint: " in str(warning.message)
    assert warning.filename == __file__


async def test_a_plain_function_does_not_block_the_loop(world):
    """While plain calls block, the loop of their consumer goes on."""
    if world.on_loop or not world.in_async:
        pytest.skip("about plain functions consumed from a loop")
    valve = world.Valve()

    async def body(item):
        await valve.wait()
        return item

    task = asyncio.create_task(world.run(body, range(3)))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()
    valve.open()
    assert await task == [0, 1, 2]


@pytest.mark.parametrize("source", ["range", "generator"])
def test_calls_that_never_suspend_let_others_have_the_loop(source):
    """A worker yields at least every 64 items."""
    turns, between, longest = 0, 0, 0

    async def body(item):
        nonlocal between, longest
        between += 1
        longest = max(longest, between)
        return item

    async def other():
        nonlocal turns, between
        while True:
            turns += 1
            between = 0
            await asyncio.sleep(0)

    async def main():
        task = asyncio.create_task(other())
        items = range(5000) if source == "range" else (i for i in range(5000))
        async with iobound.map(body, items, concurrency=1, buffersize=2000) as run:
            async for _ in run:
                pass
        task.cancel()

    asyncio.run(main())
    assert longest <= 64
    assert turns >= 5000 / 64


async def consumed(fn, source):
    run = iobound.map(fn, source, concurrency=4, buffersize=8)
    return [result async for result in run]


async def numbers():
    for number in range(100):
        yield number


def plain(item):
    return item


def late(item):
    return native(item)


every = pytest.mark.parametrize("fn", [plain, native, late])
sources = pytest.mark.parametrize(
    "source", [lambda: range(100), lambda: (i for i in range(100)), numbers], ids=["range", "generator", "async"]
)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks before 3.12")
@every
@sources
def test_eager_task_factories_change_nothing(fn, source):
    """The loop may start tasks eagerly."""

    async def main():
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        return await asyncio.create_task(consumed(fn, source()))

    assert asyncio.run(main()) == [*range(100)]


@every
@sources
def test_debug_mode_changes_nothing(fn, source):
    """`asyncio.run(debug=True)`, which checks in which thread a loop is used."""
    assert asyncio.run(consumed(fn, source()), debug=True) == [*range(100)]


@every
@sources
def test_uvloop_changes_nothing(fn, source):
    """The loop may be uvloop's."""
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(consumed(fn, source())) == [*range(100)]


@every
def test_many_loops_one_after_another(fn):
    """Nothing of an earlier loop is kept."""
    for _ in range(5):
        assert asyncio.run(consumed(fn, range(100))) == [*range(100)]

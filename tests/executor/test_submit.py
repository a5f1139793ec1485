"""What is full, who waits then, who does not, and in which order places are given."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from concurrent.futures import ALL_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from types import SimpleNamespace

import pytest

import iobound


def test_it_is_a_thread_pool_executor(make_pool):
    """For `isinstance` checks of others, and for asyncio."""
    assert isinstance(make_pool(), ThreadPoolExecutor)
    assert make_pool(None)._max_workers == 32


@pytest.mark.parametrize("size, queue", [(1, 256), (32, 256), (33, 264), (100, 800)])
def test_the_default_queue(make_pool, size, queue):
    assert make_pool(size)._pool.bound == size + queue


@pytest.mark.parametrize("keywords", [{"max_workers": 0}, {"max_workers": -1}, {"queue": -1}])
def test_numbers_that_make_no_sense_are_refused(keywords):
    with pytest.raises(ValueError, match="is not valid") as caught:
        iobound.Executor(**keywords)
    assert "hint: " in caught.value.__notes__[0]


@pytest.mark.parametrize("shape", [(1, 0), (1, 1), (3, 0), (2, 5)])
def test_submit_blocks_when_full_and_goes_on_when_one_call_ends(make_pool, valve, blocked, until, shape):
    """`max_workers` running and `queue` waiting: not one more, not one less."""
    size, queue = shape
    pool, first = make_pool(size, queue), threading.Event()
    futures = [pool.submit(first.wait, 5)] + [pool.submit(valve.wait) for _ in range(size + queue - 1)]
    valve.await_calls(size - 1)
    until(lambda: (pool.running, pool.waiting) == (size, queue))
    submitting = blocked(pool, abs, -1)
    assert submitting.thread.is_alive()
    first.set()
    last = submitting.result()
    valve.opened.set()
    assert last.result(5) == 1
    assert wait(futures, 5, ALL_COMPLETED).not_done == set()
    assert pool.overflowed == 0


def test_never_more_than_the_bound_is_held(make_pool):
    pool, most = make_pool(2, 3), 0
    for _ in range(500):
        pool.submit(abs, -1)
        most = max(most, pool.running + pool.waiting)
    assert most <= 5


def test_who_came_first_is_let_in_first(make_pool, valve, blocked):
    pool, done = make_pool(1, 0), []
    pool.submit(valve.wait)
    line = [blocked(pool, done.append, number) for number in range(5)]
    valve.opened.set()
    for submitting in line:
        submitting.result().result(5)
    assert done == [0, 1, 2, 3, 4]


def test_a_place_is_free_as_soon_as_the_result_is_there(make_pool):
    """Whoever awaits one result before submitting the next is never refused."""
    pool = make_pool(1, 0)

    async def main():
        loop = asyncio.get_running_loop()
        for number in range(300):
            assert await loop.run_in_executor(pool, abs, -number) == number

    asyncio.run(main())


def test_calls_that_submit_ten_more_each_do_not_deadlock(make_pool, until):
    """A crawler: every thread of the pool submits to the full pool."""
    pool, leaves = make_pool(2, 1), []

    def crawl(depth):
        if depth:
            for _ in range(10):
                pool.submit(crawl, depth - 1)
        else:
            leaves.append(depth)

    pool.submit(crawl, 3)
    until(lambda: len(leaves) == 1_000)
    assert pool.overflowed > 900
    assert len(pool._pool.threads) == 2


def test_callbacks_that_its_threads_run_never_block(make_pool, valve):
    pool, chained = make_pool(1, 0), Future()

    def resubmit(_):
        for number in range(5):
            last = pool.submit(abs, -number)
        last.add_done_callback(lambda done: chained.set_result(done.result()))

    pool.submit(valve.wait).add_done_callback(resubmit)
    valve.opened.set()
    assert chained.result(5) == 4
    assert pool.overflowed == 4


def test_calls_of_its_own_threads_never_raise_overloaded(make_pool):
    """Though a loop runs in one of them."""
    pool = make_pool(1, 0)

    async def inside():
        return [pool.submit(abs, -1) for _ in range(3)]

    futures = pool.submit(lambda: asyncio.run(inside())).result(5)
    assert [future.result(5) for future in futures] == [1, 1, 1]


@pytest.mark.parametrize("way", ["submit", "run_in_executor"])
def test_inside_a_loop_a_full_pool_raises_overloaded(make_pool, valve, way):
    pool = make_pool(1, 1)
    for _ in range(2):
        pool.submit(valve.wait)
    valve.await_calls(1)

    async def main():
        submit = pool.submit if way == "submit" else partial(asyncio.get_running_loop().run_in_executor, pool)
        with pytest.raises(iobound.Overloaded, match="2 calls run and wait") as caught:
            submit(abs, -1)
        return caught.value

    error = asyncio.run(main())
    assert isinstance(error, RuntimeError)
    assert "hint: " in error.__notes__[0]
    assert pool.waiting == 1


def test_a_full_pool_blocks_a_thread_beside_a_loop(make_pool, valve):
    """Only the loop's own thread must not block: `asyncio.to_thread` may."""
    pool = make_pool(1, 0)
    pool.submit(valve.wait)

    async def main():
        submitting = asyncio.create_task(asyncio.to_thread(pool.submit, abs, -1))
        while not pool._pool.blocked:
            await asyncio.sleep(0)
        valve.opened.set()
        return (await submitting).result(5)

    assert asyncio.run(main()) == 1


def test_it_can_be_the_default_executor_of_a_loop(make_pool):
    async def main():
        pool = make_pool(2)
        asyncio.get_running_loop().set_default_executor(pool)
        assert await asyncio.to_thread(threading.current_thread) in pool._pool.threads

    asyncio.run(main())


def test_a_cancelled_call_gives_its_place_back(make_pool, valve, blocked):
    """To who waits in line, and to who comes; also while all threads hang."""
    pool = make_pool(1, 1)
    pool.submit(valve.wait)
    valve.await_calls(1)
    waiting = pool.submit(abs, -1)
    submitting = blocked(pool, abs, -2)
    assert waiting.cancel()
    second = submitting.result()
    assert wait([waiting], 5).done == {waiting}
    assert pool.waiting == 1
    assert second.cancel()

    async def on_a_loop():
        return pool.submit(abs, -3)

    third = asyncio.run(on_a_loop())
    valve.opened.set()
    assert third.result(5) == 3


def test_cancelled_calls_let_the_whole_line_in(make_pool, valve, blocked):
    pool = make_pool(1, 3)
    pool.submit(valve.wait)
    valve.await_calls(1)
    waiting = [pool.submit(abs, -1) for _ in range(3)]
    line = [blocked(pool, abs, -number) for number in range(3)]
    assert all(future.cancel() for future in waiting)
    let_in = [submitting.result() for submitting in line]
    valve.opened.set()
    assert [future.result(5) for future in let_in] == [0, 1, 2]


def test_threads_are_started_only_when_none_is_idle(make_pool, until):
    pool = make_pool(8)
    assert pool._pool.threads == []
    for number in range(20):
        assert pool.submit(abs, -number).result(5) == number
        until(lambda: pool._pool.parked)  # it has gone idle
    assert len(pool._pool.threads) == 1


def test_threads_are_daemons_with_names(make_pool, valve):
    pool = make_pool(3, thread_name_prefix="iobound test")
    for _ in range(5):
        pool.submit(valve.wait)
    assert [thread.name for thread in pool._pool.threads] == [f"iobound test_{number}" for number in range(3)]
    assert all(thread.daemon for thread in pool._pool.threads)


def test_an_interrupted_submit_leaves_the_line(make_pool, valve):
    """Ctrl-C in a blocked `submit`: its call is never made, and the next one is let in."""
    pool, made = make_pool(1, 0), []
    pool.submit(valve.wait)

    main, heard = threading.get_ident(), threading.Event()

    def interrupt():
        while not pool._pool.blocked:
            pass
        while not heard.wait(0.1):  # a signal that comes just before a wait is heard only after it
            signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            pool.submit(made.append, 1)
    finally:
        heard.set()
    thread.join()
    assert not pool._pool.blocked
    valve.opened.set()
    assert pool.submit(abs, -1).result(5) == 1
    assert made == []


def test_a_system_without_more_threads_serves_with_fewer(make_pool, monkeypatch):
    pool = make_pool(4)
    pool.submit(abs, -1).result(5)

    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert [future.result(5) for future in [pool.submit(abs, -n) for n in range(20)]] == [*range(20)]
    other = make_pool(4)
    with pytest.raises(RuntimeError, match="can't start"):
        other.submit(abs, -1)
    monkeypatch.undo()
    assert other.waiting == 0
    assert other.submit(abs, -1).result(5) == 1


def test_a_future_settled_by_somebody_else_costs_no_thread(make_pool, valve, caplog):
    pool = make_pool(1)
    future = pool.submit(valve.wait)
    valve.await_calls(1)
    future.set_result("mine")
    valve.opened.set()
    assert pool.submit(abs, -1).result(5) == 1
    assert len(pool._pool.threads) == 1
    assert "somebody else has settled" in caplog.text


def test_context_is_not_copied(make_pool):
    """As in `concurrent.futures`: `initializer` may set a thread's variables, and every call there sees them."""
    from contextvars import ContextVar, copy_context

    variable = ContextVar("variable", default="none")
    pool = make_pool(1, initializer=variable.set, initargs=("the thread's",))
    variable.set("the caller's")
    assert pool.submit(variable.get).result(5) == "the thread's"
    assert pool.submit(copy_context().run, variable.get).result(5) == "the caller's"


def test_a_failing_initializer_breaks_the_pool(make_pool, blocked, caplog):
    from concurrent.futures import BrokenExecutor

    gate = threading.Event()

    def fail():
        gate.wait(5)
        raise LookupError("no licence")

    pool = make_pool(1, 1, initializer=fail)
    futures = [pool.submit(abs, -1), pool.submit(abs, -1)]
    submitting = blocked(pool, abs, -1)
    gate.set()
    for future in futures:
        with pytest.raises(BrokenExecutor, match="no licence"):
            future.result(5)
    with pytest.raises(BrokenExecutor):
        submitting.result()
    with pytest.raises(BrokenExecutor):
        pool.submit(abs, -1)
    assert "initializer" in caplog.text


def test_the_loop_of_a_notebook_waits_for_its_cell_anyway(make_pool, monkeypatch):
    """So `submit` may wait there, as plain iteration over a run may."""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))

    async def cell():
        pool = make_pool(1, queue=0)
        return [pool.submit(int, text) for text in "123"]

    assert [future.result() for future in asyncio.run(cell())] == [1, 2, 3]

"""The ways an executor ends, in this process."""

from __future__ import annotations

import asyncio
import gc
import os
from concurrent.futures import CancelledError, wait

import pytest

import iobound


def test_shutdown_waits_for_what_was_submitted():
    pool, done = iobound.Executor(2, 100), []
    for number in range(50):
        pool.submit(done.append, number)
    pool.shutdown()
    assert len(done) == 50
    assert not any(thread.is_alive() for thread in pool._pool.threads)
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(abs, 1)


def test_shutdown_without_waiting_finishes_all_the_same(make_pool, valve):
    pool = make_pool(1)
    futures = [pool.submit(valve.wait, number) for number in range(3)]
    pool.shutdown(wait=False)
    valve.opened.set()
    assert [future.result(5) for future in futures] == [0, 1, 2]


def test_shutdown_cancels_what_has_not_begun(make_pool, valve):
    """And tells those who wait for it, which the standard library forgets."""
    pool = make_pool(1)
    running = pool.submit(valve.wait, "made")
    valve.await_calls(1)
    waiting = [pool.submit(abs, -1) for _ in range(5)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert wait(waiting, 5).done == {*waiting}
    assert all(future.cancelled() for future in waiting)
    valve.opened.set()
    assert running.result(5) == "made"


def test_shutdown_turns_the_whole_line_away(make_pool, valve, blocked):
    pool, made = make_pool(1, 0), []
    pool.submit(valve.wait)
    line = [blocked(pool, made.append, number) for number in range(4)]
    pool.shutdown(wait=False)
    for submitting in line:
        with pytest.raises(RuntimeError, match="after shutdown"):
            submitting.result()
    assert made == []


def test_shutdown_may_come_in_the_middle_of_anything(make_pool, valve, blocked):
    """From a signal handler or a `__del__`, while the same thread holds the pool's lock."""
    pool = make_pool(1, 1)
    pool.submit(valve.wait)
    valve.await_calls(1)
    waiting = pool.submit(abs, -1)
    submitting = blocked(pool, abs, -1)
    with pool._pool.lock:
        pool.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    with pytest.raises(RuntimeError, match="after shutdown"):
        submitting.result()


def test_a_submit_that_is_overtaken_by_a_shutdown_is_refused(make_pool, monkeypatch):
    """Between the test for `closed` and the call's entry: it is made or refused, never forgotten."""
    pool = make_pool(1)
    pool.submit(abs, -1).result(5)
    enter = pool._pool._enter

    def overtaken(future, call):
        pool.shutdown(wait=False)
        return enter(future, call)

    monkeypatch.setattr(pool._pool, "_enter", overtaken)
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(abs, -1)
    assert pool.waiting == 0


def test_a_call_may_shut_its_own_pool_down(make_pool):
    pool = make_pool(1)
    assert pool.submit(pool.shutdown).result(5) is None


def test_the_block_finishes_its_work_even_if_it_fails():
    done = []
    with pytest.raises(LookupError), iobound.Executor(1) as pool:  # noqa: PT012 - the failing block is the point
        for number in range(20):
            pool.submit(done.append, number)
        raise LookupError
    assert len(done) == 20


def test_an_interrupted_block_leaves_its_work(valve):
    """Ctrl-C: what waits is cancelled, what runs is not waited for."""
    with pytest.raises(KeyboardInterrupt), iobound.Executor(1) as pool:  # noqa: PT012
        pool.submit(valve.wait)
        valve.await_calls(1)
        waiting = pool.submit(abs, -1)
        raise KeyboardInterrupt
    with pytest.raises(CancelledError):
        waiting.result(5)
    valve.opened.set()


def test_a_dropped_executor_lets_its_threads_end(valve):
    """After the work it was given; also when it is dropped while their lock is held."""
    pool = iobound.Executor(2)
    inner = pool._pool
    futures = [pool.submit(valve.wait, number) for number in range(4)]
    valve.opened.set()
    assert [future.result(5) for future in futures] == [0, 1, 2, 3]
    with inner.lock:
        del pool
        gc.collect()
        assert inner.closed
    for thread in inner.threads:
        thread.join(5)
        assert not thread.is_alive()


def test_a_dropped_executor_with_a_map_under_way_is_in_use():
    results = iobound.Executor(2, 0).map(abs, range(100))
    gc.collect()
    assert list(results) == [*range(100)]


def test_a_loop_that_ends_shuts_its_default_executor_down():
    async def main():
        pool = iobound.Executor(2)
        asyncio.get_running_loop().set_default_executor(pool)
        await asyncio.to_thread(abs, -1)
        return pool._pool

    inner = asyncio.run(main())
    assert inner.closed
    assert not any(thread.is_alive() for thread in inner.threads)


def test_errors_and_calls_are_not_kept(make_pool, until):
    """An idle thread holds nothing of its last call, and an error does not hold its future."""
    import weakref

    class Work:
        def fail(self):
            raise LookupError

    pool = make_pool(1)
    gc.collect()
    gc.disable()
    try:
        work = Work()
        kept = weakref.ref(work)
        future = pool.submit(work.fail)
        assert isinstance(future.exception(5), LookupError)
        alive = weakref.ref(future)
        del work, future
        until(lambda: kept() is None)
        until(lambda: alive() is None)
    finally:
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_starts_afresh(make_pool, valve):
    """An executor that comes into a child has no threads and no work there; the parent's goes on."""
    pool = make_pool(1, 1)
    mine = pool.submit(valve.wait, "parent's")
    valve.await_calls(1)
    pool.submit(abs, -1)
    pid = os.fork()
    if not pid:
        status = 1
        try:
            status = 0 if pool.submit(abs, -7).result(5) == 7 and iobound.Executor(1).submit(abs, -7).result(5) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    valve.opened.set()
    assert mine.result(5) == "parent's"

"""`Executor.map`: at once as far as there is room, then as results are taken."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import weakref

import pytest

import iobound


class Source:
    """0, 1, 2 ... and how many were pulled."""

    def __init__(self, stop=None):
        self.numbers = iter(itertools.count() if stop is None else range(stop))
        self.pulled = 0

    def __iter__(self):
        return self

    def __next__(self):
        number = next(self.numbers)
        self.pulled += 1
        return number


def test_results_are_those_of_the_standard_map_in_order(make_pool):
    pool = make_pool(3, 2)
    assert list(pool.map(pow, range(100), range(100), chunksize=7)) == list(map(pow, range(100), range(100)))
    assert list(pool.map(pow, range(5), [])) == []
    assert list(pool.map(abs)) == []


def test_it_submits_at_once_up_to_the_bound_and_no_further(make_pool, until):
    pool, source, made = make_pool(2, 3), Source(), []
    results = pool.map(made.append, source)
    until(lambda: len(made) == 5)
    assert source.pulled == 5
    next(results)
    assert source.pulled == 5
    next(results)
    assert source.pulled == 6


def test_a_slow_consumer_slows_the_source(make_pool, until):
    """Though all calls are finished: results that nobody took count too."""
    pool, source = make_pool(2, 3), Source()
    results = pool.map(abs, source)
    for taken in range(1, 50):
        assert next(results) == taken - 1
        until(lambda: not pool.running and not pool.waiting)
        assert source.pulled - taken < 5


@pytest.mark.parametrize("buffersize", [1, 2, 4])
def test_buffersize_bounds_what_was_not_taken(make_pool, buffersize):
    pool, source = make_pool(8), Source(20)
    results = pool.map(abs, source, buffersize=buffersize)
    assert source.pulled == buffersize
    for number, result in enumerate(results):
        assert result == number
        assert source.pulled <= number + buffersize


@pytest.mark.parametrize("buffersize", [0, -1, 1.5, "4"])
def test_a_buffersize_that_makes_no_sense_is_refused(make_pool, buffersize):
    with pytest.raises((ValueError, TypeError), match="buffersize"):
        make_pool().map(abs, [], buffersize=buffersize)


def test_it_takes_the_places_that_others_leave(make_pool, valve):
    """Called while the pool is full it submits nothing; the first result is waited for in line."""
    pool = make_pool(1, 0)
    pool.submit(valve.wait)
    source = Source(5)
    results = pool.map(abs, source)
    assert source.pulled == 0
    valve.opened.set()
    assert list(results) == [0, 1, 2, 3, 4]


def test_a_full_pool_is_waited_for_no_longer_than_timeout(make_pool, valve):
    pool = make_pool(1, 0)
    pool.submit(valve.wait)
    with pytest.raises(TimeoutError):
        next(pool.map(abs, [1], timeout=0.01))
    assert not pool._pool.blocked


def test_timeout_cancels_what_has_not_begun(make_pool, valve):
    pool, made = make_pool(1), []
    results = pool.map(lambda item: valve.wait() if item == 0 else made.append(item), range(5), timeout=0.01)
    with pytest.raises(TimeoutError):
        next(results)
    assert pool.waiting == 0
    valve.opened.set()
    pool.shutdown()
    assert made == []


def test_the_first_error_ends_it(make_pool):
    results = make_pool(2).map(lambda n: 1 // n, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


def test_inside_its_own_call_it_never_blocks(make_pool):
    pool = make_pool(2, 0)

    def nested(_):
        return sum(pool.map(abs, range(10)))

    assert pool.submit(nested, 0).result(5) == 45


def test_inside_a_loop_it_raises_only_if_nothing_could_be_submitted(make_pool, valve):
    pool = make_pool(1, 0)

    async def main():
        assert list(pool.map(abs, range(5))) == [0, 1, 2, 3, 4]
        pool.submit(valve.wait)
        with pytest.raises(iobound.Overloaded):
            next(pool.map(abs, range(5)))

    asyncio.run(main())


def test_after_a_shutdown_it_is_never_silently_short(make_pool):
    """What was submitted is delivered; then the rest is an error, with a hint."""
    pool = make_pool(1, 2)
    results = pool.map(abs, range(10))
    pool.shutdown()
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="after shutdown") as caught:
        next(results)
    assert "hint: map()" in caught.value.__notes__[0]


def test_after_a_shutdown_all_is_there_that_fitted(make_pool):
    pool = make_pool(2)
    results = pool.map(abs, range(100))
    pool.shutdown()
    assert list(results) == [*range(100)]


def test_an_iterator_that_is_dropped_in_a_cycle_never_locks_up(make_pool):
    """Its end cancels futures, and a collection may come while the pool's lock is held by the same thread."""
    pool = make_pool(1)
    results = pool.map(threading.Event().wait, [0.01] * 50)
    next(results)
    cycle = [results]
    cycle.append(cycle)
    del results, cycle
    with pool._pool.lock:
        gc.collect()
    assert pool.waiting == 0
    assert pool.submit(abs, -1).result(5) == 1


def test_results_are_not_kept(make_pool):
    class Thing:
        pass

    pool = make_pool(2)
    results = pool.map(lambda _: Thing(), range(10))
    for thing in results:
        kept = weakref.ref(thing)
        del thing
        for _ in range(1_000):
            if kept() is None:
                break
            threading.Event().wait(0.001)
        assert kept() is None

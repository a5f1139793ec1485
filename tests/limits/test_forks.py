"""What comes into a forked child in the middle of its use: limiters and bridges start afresh there."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import iobound
from iobound import Limiter, Rate, to_async, to_sync
from iobound.api import bridges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.timeout(20),
]
CEILING = 5
"""Seconds that a child may take."""


def forked(work: Callable[[], Any]) -> Any:
    """What `work` returns true of in a child; a child that hangs is ended by a signal."""
    pid = os.fork()
    if not pid:
        code = 2
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(CEILING)
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@contextmanager
def beside(*managers: Any) -> Iterator[None]:
    """Another thread is inside of these meanwhile."""
    inside, over = threading.Event(), threading.Event()

    def hold() -> None:
        for manager in managers:
            manager.__enter__()
        inside.set()
        over.wait(CEILING)
        for manager in reversed(managers):
            manager.__exit__(None, None, None)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(CEILING)
    yield
    over.set()
    thread.join()


def limited(limiter: Limiter, key: Any = None) -> bool:
    """Whether it lets one in, and one at a time."""
    with limiter(key=key):
        return limiter.try_acquire(key=key) is None


@pytest.mark.parametrize("keywords", [{"concurrency": 1}, {"key_concurrency": 1}], ids=repr)
def test_places_in_use_by_the_parent_are_free_in_the_child(keywords: dict[str, int]) -> None:
    limiter = Limiter(**keywords)
    with limiter(key=1):
        assert forked(lambda: limited(limiter, 1)) == 0
        assert limiter.try_acquire(key=1) is None
    assert forked(lambda: limited(limiter, 1)) == 0


def test_a_place_that_the_child_gives_back_was_not_its_own() -> None:
    limiter = Limiter(concurrency=1)

    def give_back_and_try() -> bool:
        permit.release()
        return limited(limiter)

    permit = limiter.try_acquire()
    assert permit is not None
    assert forked(give_back_and_try) == 0
    permit.release()


def test_what_was_charged_stays_charged_in_the_child() -> None:
    limiter = Limiter(Rate(1, per=3600, burst=2))
    with limiter():
        pass
    assert forked(lambda: limiter.try_acquire() and not limiter.try_acquire()) == 0
    assert limiter.try_acquire() is not None


def test_whoever_waits_stays_with_the_parent() -> None:
    limiter = Limiter(concurrency=1, queue=1)
    inside = limiter.try_acquire()
    assert inside is not None
    waiter = threading.Thread(target=lambda: limited(limiter))
    waiter.start()
    while not limiter.waiting:
        pass
    assert forked(lambda: not limiter.waiting and limited(limiter)) == 0
    inside.release()
    waiter.join()


@pytest.mark.parametrize("keywords", [{"concurrency": 1}, {"key_concurrency": 1}], ids=repr)
def test_locks_that_other_threads_held_are_free(keywords: dict[str, int]) -> None:
    limiter = Limiter(**keywords)
    with limiter(key=1):
        pass  # its gate is there
    with beside(limiter._lock, *(gate.lock for gate in limiter.limits.gates)):
        assert forked(lambda: limited(limiter, 1)) == 0


@pytest.mark.parametrize("model", ["serial", "threads", "asyncio"])
def test_a_run_of_the_child_passes_a_limiter_of_the_parent(model: str) -> None:
    async def native(number: int) -> int:
        return number

    limiter = Limiter("10000/s", concurrency=2)
    fn: Any = native if model == "asyncio" else abs
    run = iobound.map(fn, range(100), rate=limiter, model=model)
    assert next(run) == 0
    assert forked(lambda: list(iobound.map(fn, range(20), rate=limiter, model=model)) == [*range(20)]) == 0
    assert list(run) == [*range(1, 100)]


@pytest.mark.parametrize("model", ["serial", "threads"])
def test_a_run_whose_lock_was_held_says_whose_it_is(model: str) -> None:
    run = iobound.map(abs, range(100), rate="10000/s", model=model)
    assert next(run) == 0

    def go_on() -> bool:
        with pytest.raises(RuntimeError, match="belongs to the process"):
            next(run)
        return True

    assert run._driver is not None
    with beside(run._driver.lock):
        assert forked(go_on) == 0
    run.close()


def test_a_bridge_to_threads_has_new_ones_in_the_child() -> None:
    busy = threading.Event()
    bridge = to_async(busy.wait, threads=1, timeout=0.02)

    async def hang() -> list[Any]:
        return await asyncio.gather(bridge(5), bridge(5), return_exceptions=True)

    def use() -> bool:
        busy.set()
        return asyncio.run(bridge(5))

    assert [type(error) for error in asyncio.run(hang())] == [TimeoutError, TimeoutError]  # no thread is left
    with beside(bridges_pool(bridge).lock):
        assert forked(use) == 0
    busy.set()


def bridges_pool(bridge: Any) -> Any:
    return next(cell.cell_contents.pool for cell in bridge.__closure__ if hasattr(cell.cell_contents, "pool"))


def test_a_bridge_to_a_loop_has_a_new_one_in_the_child() -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    bridge = to_sync(double)
    assert bridge(2) == 4
    with beside(bridges._background.lock):
        assert forked(lambda: bridge(21) == 42) == 0
    assert bridge(3) == 6

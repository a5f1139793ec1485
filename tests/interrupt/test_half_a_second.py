"""After Ctrl-C cleanup has half a second, once, whatever `grace` says; and nobody swallows the interrupt.

Where something would wait too long, it would wait for half a minute: no test here measures a time below seconds.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from _thread import interrupt_main
from contextvars import copy_context
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import iobound
from iobound.api import ending
from iobound.models.driver import Driver
from iobound.models.threads import ThreadCrew
from iobound.words.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 30.0
pytestmark = pytest.mark.timeout(5)


@pytest.fixture
def valve() -> Iterator[threading.Event]:
    """Shut until the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_every_run_that_it_passes_through_shares_the_half_second() -> None:
    interrupt = KeyboardInterrupt()

    def left(now: float) -> float:
        driver: Any = SimpleNamespace(
            clock=SimpleNamespace(now=lambda: now), workers=SimpleNamespace(cancels=True), hurried=False
        )
        return ending.patience(driver, LONG, interrupt)

    assert [left(10.0), left(10.375), left(11.0)] == [0.5, 0.125, 0.0]


def test_an_interrupt_raised_by_a_call_does_not_wait_for_grace(valve: threading.Event) -> None:
    """As where the consumer makes the calls: there every Ctrl-C comes out of a call, or of the source."""

    def work(item: int) -> None:
        if item:
            valve.wait(LONG)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(iobound.map(work, range(2), concurrency=2, grace=LONG))


def test_a_stage_in_the_consumer_has_what_is_left_of_its_successors_time(valve: threading.Event) -> None:
    """Each with a `grace` of its own, closing would take the sum; after Ctrl-C, too."""

    def work(item: int) -> int:
        if item:
            valve.wait(LONG)
        return item

    first = iobound.map(work, range(2), concurrency=2, grace=LONG)
    last = iobound.map(str, first, feed="consumer", concurrency=1, grace=LONG)
    assert next(last) == "0"
    interrupt = KeyboardInterrupt()
    last.__exit__(KeyboardInterrupt, interrupt, None)


def test_threads_left_by_async_code_have_no_margin(valve: threading.Event, monkeypatch: Any) -> None:
    """The margin is for loops, which must be heard before anybody gives up on them."""
    monkeypatch.setattr(ending, "MARGIN", LONG)

    async def main() -> None:
        def work(item: int) -> int:
            if item:
                valve.wait(LONG)
            return item

        async with iobound.map(work, range(2), concurrency=2, grace=0) as run:
            assert await anext(run) == 0

    asyncio.run(main())


def test_an_interrupt_in_a_finaliser_comes_again(monkeypatch: Any) -> None:
    """Python prints and forgets what `__del__` raises."""
    again: list[Any] = []
    drops: list[Driver] = []
    drop = Driver.drop

    def interrupted(driver: Driver) -> None:
        drops.append(driver)
        if len(drops) == 1:
            raise KeyboardInterrupt
        drop(driver)

    monkeypatch.setattr(ending, "start_new_thread", lambda fn, args: again.append(fn))
    monkeypatch.setattr(Driver, "drop", interrupted)
    run = iobound.map(str, range(10**9), model="threads")
    assert next(run) == "0"
    del run
    assert again == [interrupt_main]
    assert drops == drops[:1] * 2


def test_workers_are_sent_home_again_if_that_was_broken_off(monkeypatch: Any) -> None:
    """Whoever stops the run next does it, though the run was stopping already."""
    halt, halts = ThreadCrew.halt, []

    def interrupted(crew: ThreadCrew) -> None:
        halts.append(crew)
        if len(halts) == 1:
            raise KeyboardInterrupt
        halt(crew)

    monkeypatch.setattr(ThreadCrew, "halt", interrupted)
    run = iobound.map(str, range(10**9), model="threads")
    assert next(run) == "0"
    driver: Any = run._driver
    with pytest.raises(KeyboardInterrupt):
        driver.crash(ValueError("of another party"))
    run.close()
    assert halts == halts[:1] * 2


def test_a_begun_coroutine_is_closed_by_who_comes_next() -> None:
    """One that a plain function made, and nobody will await: "never awaited" would be noise."""

    class Interrupted:
        closes = 0

        def close(self) -> None:
            self.closes += 1
            if self.closes == 1:
                raise KeyboardInterrupt

    run = iobound.map(str, "ab", model="threads")
    assert next(run) == "a"
    driver, attempt, coroutine = run._driver, Attempt(), Interrupted()
    attempt.begun = (coroutine, copy_context())  # type: ignore[assignment]
    assert driver is not None
    driver.begun.add(attempt)
    with pytest.raises(KeyboardInterrupt):
        run.close()
    assert coroutine.closes == 2
    assert not driver.begun


def test_a_begun_coroutine_is_closed_where_the_run_stops() -> None:
    """Not only where it is closed: a run whose root was cancelled may never be, and be collected with it."""

    async def native() -> None: ...

    run = iobound.map(str, "ab", model="threads")
    assert next(run) == "a"
    driver, attempt, coroutine = run._driver, Attempt(), native()
    attempt.begun = (coroutine, copy_context())
    assert driver is not None
    driver.begun.add(attempt)
    driver.crash(ValueError("the root was cancelled"))
    assert coroutine.cr_frame is None
    run.close()


def test_forgetting_a_run_runs_no_python_but_its_own() -> None:
    """An interrupt that lands in the callback of a weak reference would be printed and forgotten."""
    run: Any = iobound.map(str, "ab", model="serial")
    assert list(run) == ["a", "b"]
    ran: list[str] = []
    gc.collect()
    others, gc.callbacks[:] = gc.callbacks[:], []
    sys.settrace(lambda frame, *_: ran.append(frame.f_code.co_qualname))
    try:
        del run
        gc.collect()
    finally:
        sys.settrace(None)
        gc.callbacks[:] = others
    assert "Ending.__del__" in ran
    assert not [name for name in ran if "WeakSet" in name or "WeakKey" in name or "WeakValue" in name], ran


def test_a_result_lost_to_an_interrupt_on_a_loop_is_missed() -> None:
    """Who goes on with the run hears of it: it never looks complete."""

    async def work(item: int) -> int:
        return item

    async def consume(run: Any) -> None:
        assert await anext(run) == 0
        told, run._plain = run._told, False

        def interrupted(*facts: Any) -> None:
            run._told = told
            raise KeyboardInterrupt

        run._told = interrupted
        await anext(run)

    async def go_on(run: Any) -> None:
        async for _ in run:
            pass

    loop = asyncio.new_event_loop()
    run = iobound.map(work, range(3))
    with pytest.raises(KeyboardInterrupt):
        loop.run_until_complete(consume(run))
    with pytest.raises(RuntimeError, match="stopped before its end"):
        loop.run_until_complete(go_on(run))
    loop.run_until_complete(run.aclose())
    loop.close()


def test_a_run_whose_making_was_interrupted_is_dropped_in_silence():
    """Ctrl-C at the first step of `Run.__init__`: an error in `__del__` would be a warning here, and so a failure."""
    half = iobound.Run.__new__(iobound.Run)
    del half
    gc.collect()

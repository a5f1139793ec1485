"""Promise 19: an error of the engine never looks like a complete run, and never hangs, on any model."""

from __future__ import annotations

import contextlib
import itertools

import pytest

import iobound
from iobound.core.losses import Losses
from iobound.core.run import Core
from iobound.core.statistics import Histogram
from iobound.models import Asyncio, Serial, Threads, feeders
from iobound.words.clock import SystemClock

pytestmark = pytest.mark.timeout(10)

PLACES = {
    "admit": (Core, "admit"),
    "settle": (Core, "settle"),
    "release": (Core, "release"),
    "offer": (Core, "offer"),
    "refill": (feeders, "refill"),
    "more": (Core, "more"),
    "end_source": (Core, "end_source"),
    "blocked": (Losses, "blocked"),
    "credit": (Core, "credit"),
    "histogram": (Histogram, "add"),
}
COUNT = 60
NTH = (1, 3, 20)


class Fault(Exception):  # noqa: N818 - not an error of anybody
    """What the broken engine raises."""


def break_at(monkeypatch, owner, name, nth):
    """The n-th call of a method raises. Returns a list that tells whether it came to that."""
    true, calls, struck = getattr(owner, name), itertools.count(1), []

    def broken(*args, **keywords):
        if next(calls) == nth:
            struck.append(nth)
            raise Fault
        return true(*args, **keywords)

    monkeypatch.setattr(owner, name, broken)
    return struck


SETTINGS = {
    "list": {},
    "as completed": {"ordered": False},
    "fed by the consumer": {"feed": "consumer"},
    "collecting": {"errors": "collect"},
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("place", PLACES)
async def test_a_fault_is_the_error_of_the_run(world, monkeypatch, place, setting):
    """Wherever it strikes, the run raises it; where it never strikes, the run is complete."""

    async def body(item):
        if setting == "collecting" and item % 3 == 0:
            raise ValueError(item)
        return item

    for nth in NTH:
        with monkeypatch.context() as patch:
            struck = break_at(patch, *PLACES[place], nth)
            items = range(COUNT) if setting == "list" else (i for i in range(COUNT))
            run = world.map(body, items, concurrency=3, buffersize=8, grace=0.05, **SETTINGS[setting])
            got, fault = [], None
            try:
                async with world.opened(run):
                    async for result in world.each(run):
                        got.append(result)
            except Fault as error:
                fault = error
            assert fault is not None or len(got) == COUNT, f"call {nth}: {len(got)} results, {struck=}"
            assert struck or fault is None


class BrokenClock(SystemClock):
    """Fails once, when it is read for the n-th time."""

    def __init__(self, nth):
        self.reads, self.nth, self.struck = itertools.count(1), nth, False

    def now(self):
        if next(self.reads) == self.nth:
            self.struck = True
            raise Fault
        return SystemClock.now()


MODELS = {"serial": Serial, "threads": Threads, "asyncio": Asyncio}


@pytest.mark.parametrize("keywords", [{}, {"task_timeout": 60}, {"feed": "consumer"}], ids=["", "timeout", "consumer"])
async def test_a_broken_clock_is_the_error_of_the_run(world, keywords):
    """The clock is read everywhere: fail at each of many reads in turn."""
    if world.model not in MODELS or (world.model == "serial" and "task_timeout" in keywords):
        pytest.skip("models as values, and no timeout on serial")

    async def body(item):
        return item

    for nth in (*range(1, 30), 50, 80):
        clock = BrokenClock(nth)
        run = world.map(
            body,
            (i for i in range(20)),
            model=MODELS[world.model](clock=clock),
            concurrency=2,
            buffersize=4,
            grace=0.05,
            **keywords,
        )
        got, fault, before = [], None, False
        try:
            async for result in world.each(run):
                got.append(result)
            before = clock.struck
        except Fault as error:
            fault = error
        assert fault is not None or not before or got == [*range(20)], f"read {nth}: only {got}"
        assert fault is not None or len(got) == 20
        del run


async def test_a_machine_without_threads_says_so(world, monkeypatch):
    """A thread that cannot be started ends the run with that error, or the run goes on with fewer."""
    import threading

    async def body(item):
        await world.pause(0.0001)
        return item

    true = threading.Thread.start
    for allowed in range(4):
        started = itertools.count()

        def start(self, started=started, allowed=allowed):
            if self.name.startswith("iobound") and next(started) >= allowed:
                raise RuntimeError("can't start new thread")
            true(self)

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start)
            try:
                got = await world.run(body, range(30), concurrency=4, grace=0.05)
            except RuntimeError as error:
                assert "new thread" in str(error)  # noqa: PT017 - it may also go well
            else:
                assert got == [*range(30)]


async def test_a_private_loop_that_cannot_be_made_is_the_error_of_the_run(world, monkeypatch):
    """No descriptors for a loop, say."""
    import asyncio

    if not world.on_loop or world.in_async:
        pytest.skip("about private loops")

    async def body(item):
        return item

    def refuse(*args, **keywords):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(asyncio, "new_event_loop", refuse)
    monkeypatch.setattr(asyncio.events, "new_event_loop", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        await world.run(body, range(5))


@pytest.mark.parametrize("place", PLACES)
def test_the_fault_tests_strike(monkeypatch, place):
    """Each place is reached by some run, or the tests above would test nothing."""
    struck = break_at(monkeypatch, *PLACES[place], 1)
    with contextlib.suppress(Fault):
        list(iobound.map(abs, range(400), model="threads", concurrency=2, errors="skip", buffersize=2))
    with contextlib.suppress(Fault):
        list(iobound.map(int, (each for each in ["1", "x"]), model="serial", feed="consumer", errors="skip"))
    with contextlib.suppress(Fault):
        list(iobound.map(int, (each for each in ["x"] * 9), model="threads", errors="skip"))
    if place == "blocked":
        pytest.skip("a matter of timing")
    assert struck

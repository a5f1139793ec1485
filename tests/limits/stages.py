"""Every model on virtual time, for scenarios that are written once.

A scenario is a coroutine that is given a stage. Where the run is consumed by `for` it is stepped without any loop, and
whatever it awaits blocks, or moves the clock, instead.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from threading import enumerate as all_threads
from threading import get_ident
from time import sleep
from typing import Any

import iobound
from iobound.models import Serial, Threads
from iobound.testing import Simulated, VirtualClock, run_virtual
from iobound.words.bells import ThreadBell
from iobound.words.clock import FOREVER
from stepping import stepped

BRIEF = 1e-4
"""Real seconds between two looks at threads that are still at work."""
END = object()


def quiet() -> bool:
    """Whether every other thread of iobound sleeps on a bell that nobody has rung."""
    frames = sys._current_frames()
    here = get_ident()
    del frames[here]  # it leads to the consumer, and back to here: a run that is dropped would wait for the collector
    for thread in all_threads():
        frame = frames.get(thread.ident or 0)
        if thread.ident == here or frame is None or not thread.name.startswith("iobound"):
            continue
        if frame.f_code is not ThreadBell.wait.__code__ or not frame.f_locals["self"]._lock.locked():
            return False
    return True


class Stepped(VirtualClock):
    """Moved by the thread that made it, wherever that waits: the consumer of a run. Others have done all they can."""

    def __init__(self) -> None:
        super().__init__(patience=0.0)
        self.owner = get_ident()

    def wait(self, bell: ThreadBell, until: float) -> None:
        """Go from appointment to appointment until `bell` is rung or the clock shows `until`."""
        if get_ident() != self.owner:
            super().wait(bell, until)
            return
        while self.now() < until:
            if bell._lock.acquire(timeout=0 if (idle := quiet()) else BRIEF):
                return
            if idle and not self.step(until):
                assert until < FOREVER, "the run hangs"
                self.advance_to(until)


def go_home(clock: VirtualClock) -> None:
    """Let calls of a run that was dropped, which are still asleep, come to their end, and their threads with them."""
    while any(thread.name.startswith("iobound") for thread in all_threads()):
        if not quiet():
            sleep(BRIEF)
        elif not clock.step():
            raise AssertionError("threads that nothing will ever wake")


@dataclass
class Stage:
    """A model, a colour of function, a way of consuming, and a clock of its own."""

    model: str
    colour: str
    consumer: str
    clock: VirtualClock = field(init=False)

    def __post_init__(self) -> None:
        real_threads = self.model != "simulated" and self.consumer == "for"
        self.clock = Stepped() if real_threads else VirtualClock()

    @property
    def single(self) -> bool:
        """Whether one thread makes all calls, so that what they write down is in the order of their starts."""
        return self.model != "threads"

    def play(self, scenario: Any) -> Any:
        """What the scenario returns."""
        if self.consumer == "async for":
            return run_virtual(scenario(self), clock=self.clock, patience=0.001)
        try:
            return stepped(scenario(self))
        finally:
            go_home(self.clock)

    def map(self, body: Any, items: Any, **keywords: Any) -> Any:
        """A run of this stage."""
        models: dict[str, Any] = {"simulated": Simulated, "serial": Serial, "threads": Threads}
        model: Any = self.model
        if self.consumer == "for":
            model = models[self.model](self.clock) if model == "simulated" else models[model](clock=self.clock)
        function = body
        if self.colour == "plain":
            function = lambda item: stepped(body(item))  # noqa: E731
        return iobound.map(function, items, model=model, **keywords)

    def now(self) -> float:
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        if asyncio._get_running_loop() is not None:
            await asyncio.sleep(seconds)
        else:
            self.clock.sleep(seconds)

    def stall(self, seconds: float) -> None:
        """The clock jumps, and nobody had a turn meanwhile."""
        with self.clock._changed:
            self.clock._now += seconds

    async def next(self, run: Any) -> Any:
        """The next result, or END."""
        return await anext(run, END) if self.consumer == "async for" else next(run, END)

    async def list(self, run: Any) -> list[Any]:
        """All that is left."""
        got = []
        while (result := await self.next(run)) is not END:
            got.append(result)
        return got

    async def close(self, run: Any) -> None:
        if self.consumer == "async for":
            await run.aclose()
        else:
            run.close()


STAGES = (
    ("serial", "plain", "for"),
    ("simulated", "plain", "for"),
    ("threads", "plain", "for"),
    ("asyncio", "async", "async for"),
)

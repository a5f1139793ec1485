"""A program that is busy with runs until Ctrl-C: `python program.py WORLD PHASE`.

It prints "started" just before its first run, and "busy" when as many calls are in flight as will ever be.
"""

from __future__ import annotations

import asyncio  # at once: an interrupt of that is Python's to tell of, too
import itertools
import signal
import sys
import threading
from contextlib import contextmanager
from typing import Any

import iobound

MINUTE = 60.0
IN_FLIGHT = 4
PHASES = ("hanging", "starting", "flowing", "closing")
"""Calls hang, and the signal comes when all do, or at any time from the start; calls are brief, without end;
or runs are begun and left again and again."""

WORLDS = {
    # name: model, colour of the function, source, how it is consumed, other keywords
    "serial, for": ("serial", "plain", "range", "for", {}),
    "serial, with": ("serial", "plain", "generator", "with", {"setup": 1}),
    "serial, async generator": ("serial", "plain", "async generator", "for", {}),
    "serial, async with": ("serial", "plain", "range", "async with", {}),
    "threads, for": ("threads", "plain", "range", "for", {}),
    "threads, with": ("threads", "plain", "range", "with", {"setup": 1}),
    "threads, generator": ("threads", "plain", "generator", "for", {}),
    "threads, async generator": ("threads", "plain", "async generator", "for", {}),
    "threads, fed by the consumer": ("threads", "plain", "generator", "for", {"feed": "consumer"}),
    "threads, stages": ("threads", "plain", "run", "for", {}),
    "threads, stages in the consumer": ("threads", "plain", "run", "with", {"feed": "consumer"}),
    "threads, async for": ("threads", "plain", "range", "async for", {}),
    "threads, async with": ("threads", "plain", "generator", "async with", {"setup": 1}),
    "asyncio, for": ("asyncio", "async", "range", "for", {}),
    "asyncio, with": ("asyncio", "async", "generator", "with", {"setup": 1}),
    "asyncio, async generator": ("asyncio", "async", "async generator", "for", {}),
    "asyncio, stages": ("asyncio", "async", "run", "for", {}),
    "asyncio, async for": ("asyncio", "async", "range", "async for", {}),
    "asyncio, async with": ("asyncio", "async", "async generator", "async with", {"setup": 1}),
    "asyncio, async stages": ("asyncio", "async", "run", "async with", {}),
    "auto, for": ("auto", "late", "range", "for", {}),
    "auto, async with": ("auto", "late", "generator", "async with", {}),
}


class Program:
    """Runs of one world in one phase."""

    def __init__(self, world: str, phase: str) -> None:
        self.model, self.colour, self.source, self.form, self.keywords = WORLDS[world]
        self.hangs = phase in {"hanging", "starting"}
        self.again = phase == "closing"
        self.expected = (1 if self.model == "serial" else IN_FLIGHT) * (2 if self.source == "run" else 1)
        self.lock = threading.Lock()
        self.calls = 0

    def tell(self) -> None:
        """One more call hangs."""
        with self.lock:
            self.calls += 1
            if self.calls == self.expected:
                say("busy")

    def plain(self, item: int, *_: object) -> int:
        if self.hangs:
            self.tell()
            threading.Event().wait(MINUTE)
        return item

    async def native(self, item: int, *_: object) -> int:
        if self.hangs:
            self.tell()
            if item % 2 and not self.form.startswith("async"):  # its own loop would wait for the thread
                await asyncio.to_thread(threading.Event().wait, MINUTE)
            await asyncio.sleep(MINUTE)
        elif not item % 5:
            await asyncio.sleep(0)
        return item

    def late(self, *args: Any) -> Any:
        return self.native(*args)

    def function(self) -> Any:
        """The function, of this world's colour."""
        return {"plain": self.plain, "async": self.native, "late": self.late}[self.colour]

    def items(self) -> Any:
        """The source, without end."""
        match self.source:
            case "range":
                return range(10**9)
            case "generator":
                return (number for number in itertools.count())
            case "async generator":
                return numbers()
        options: dict[str, Any] = {"model": self.model, "concurrency": IN_FLIGHT, "ordered": False}
        return iobound.map(Early(self.function()), range(10**9), **options)

    def run(self) -> Any:
        """A new run."""
        keywords: dict[str, Any] = {"concurrency": IN_FLIGHT, **self.keywords}
        if "setup" in keywords:
            keywords["setup"] = resource
        return iobound.map(self.function(), self.items(), model=self.model, **keywords)

    def consume(self) -> None:
        """In plain code."""
        while True:
            if self.form == "for":
                for _ in self.run():
                    if self.again:
                        break
            else:
                with self.run() as run:
                    for _ in run:
                        if self.again:
                            break

    async def consume_async(self) -> None:
        """On a loop. (An interrupt while `asyncio.run` sets one up is Python's to tell of.)"""
        say("started")
        while True:
            if self.form == "async for":
                async for _ in self.run():
                    if self.again:
                        break
            else:
                async with self.run() as run:
                    async for _ in run:
                        if self.again:
                            break


class Early:
    """An earlier stage: its first results come at once, so that the next has something to hang at."""

    def __init__(self, fn: Any) -> None:
        self.fn = fn
        if fn.__name__ == "native":
            self.__class__ = AsyncEarly

    def __call__(self, item: int) -> int:
        return item if item < IN_FLIGHT else self.fn(item)


class AsyncEarly(Early):
    async def __call__(self, item: int) -> int:
        return item if item < IN_FLIGHT else await self.fn(item)


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def numbers() -> Any:
    for number in itertools.count():
        yield number


@contextmanager
def resource() -> Any:
    yield "resource"


def main() -> None:
    signal.alarm(2 * int(MINUTE))  # whoever should interrupt it may have gone
    program = Program(*sys.argv[1:])
    if program.form.startswith("async"):
        asyncio.run(program.consume_async())
    else:
        say("started")
        program.consume()


if __name__ == "__main__":
    main()

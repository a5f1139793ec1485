"""What the tests of conformance are written with: valves, meters, and the worlds that play a test.

Loaded by `conftest.py`, which says how tests are written.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import iobound
from stepping import stepped

CEILING = float(os.environ.get("IOBOUND_TEST_CEILING", "5"))
"""Seconds after which a test that still waits has failed."""
PAUSE = 0.001
END = object()
"""What `world.next` gives at the end of a run."""


class Valve:
    """Shut until somebody opens it, from any thread; waited for in the way of whoever waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._event = threading.Event()
        self._waiters: list[Any] = []

    @property
    def is_open(self) -> bool:
        return self._event.is_set()

    def open(self, *_: object) -> None:
        with self._lock:
            self._event.set()
            waiters, self._waiters = self._waiters, []
        for loop, future in waiters:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._let_go, future, None)

    async def wait(self) -> None:
        """Block the thread, or suspend the coroutine that runs on a loop."""
        loop = asyncio._get_running_loop()
        if loop is None:
            if not self._event.wait(CEILING):
                raise AssertionError(f"nobody opened the valve within {CEILING} s")
            return
        with self._lock:
            if self._event.is_set():
                return
            future = loop.create_future()
            self._waiters.append((loop, future))
        late = AssertionError(f"nobody opened the valve within {CEILING} s")
        timer = loop.call_later(CEILING, self._let_go, future, late)
        try:
            await future
        finally:
            timer.cancel()

    @staticmethod
    def _let_go(future: asyncio.Future[None], error: Exception | None) -> None:
        if not future.done():
            future.set_result(None) if error is None else future.set_exception(error)


class Meter:
    """`with meter:` around each call: how many are inside, were so at most, have come and gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._marks: list[tuple[str, int, Valve]] = []
        self.inside = self.peak = self.entered = self.left = 0

    def __enter__(self) -> None:
        with self._lock:
            self.entered += 1
            self.inside += 1
            self.peak = max(self.peak, self.inside)
        self._look()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1
            self.left += 1
        self._look()

    def tick(self) -> None:
        """Something has come and gone."""
        with self:
            pass

    def when(self, **mark: int) -> Valve:
        """A valve that opens when, say, `entered=3`."""
        ((name, count),) = mark.items()
        valve = Valve()
        with self._lock:
            self._marks.append((name, count, valve))
        self._look()
        return valve

    def _look(self) -> None:
        for name, count, valve in list(self._marks):
            if getattr(self, name) >= count:
                valve.open()


class Each:
    """`async for` over a run in the way of a world. Holds the run, as the iterator of a `for` does."""

    def __init__(self, run: Any, consumer: str) -> None:
        self.run, self.consumer = run, consumer

    def __aiter__(self) -> Each:
        return self

    async def __anext__(self) -> Any:
        if self.consumer == "async for":
            return await anext(self.run)
        try:
            return next(self.run)
        except StopIteration:
            raise StopAsyncIteration from None


class Opened:
    """`with run` or `async with run`, in the way of a world."""

    def __init__(self, run: Any, consumer: str) -> None:
        self.run, self.consumer = run, consumer

    async def __aenter__(self) -> Any:
        return await self.run.__aenter__() if self.consumer == "async for" else self.run.__enter__()

    async def __aexit__(self, *error: object) -> Any:
        if self.consumer == "async for":
            return await self.run.__aexit__(*error)
        return self.run.__exit__(*error)


@dataclass(frozen=True)
class World:
    """A model, a colour of function, a way of consuming."""

    model: str
    colour: str
    """`plain`, `async`, or `late`: a plain function that turns out to return coroutines."""
    consumer: str
    END = END
    Valve = Valve
    Meter = Meter
    ceiling = CEILING

    def __str__(self) -> str:
        return f"{self.model}-{self.colour}-{self.consumer}".replace(" ", "_")

    @property
    def on_loop(self) -> bool:
        """Whether calls run on a loop."""
        return self.colour != "plain"

    @property
    def in_async(self) -> bool:
        """Whether the consumer runs on a loop."""
        return self.consumer == "async for"

    @property
    def ahead(self) -> bool:
        """Whether the run goes on while its consumer is away."""
        return self.model != "serial" or self.in_async

    def function(self, body: Any) -> Any:
        """A function of this world's colour."""
        if self.colour == "plain":
            return lambda *args: stepped(body(*args))
        return body if self.colour == "async" else lambda *args: body(*args)  # noqa: PLW0108 - plain on purpose

    def map(self, body: Any, items: Any, **keywords: Any) -> Any:
        """A run of this world."""
        return iobound.map(self.function(body), items, **{"model": self.model, **keywords})

    def each(self, run: Any) -> Each:
        return Each(run, self.consumer)

    def opened(self, run: Any) -> Opened:
        return Opened(run, self.consumer)

    async def list(self, run: Any) -> list[Any]:
        """All results."""
        return [result async for result in Each(run, self.consumer)]

    async def fill(self, got: list[Any], run: Any) -> None:
        """Every result into `got`, as far as it comes."""
        async for result in Each(run, self.consumer):
            got.append(result)

    async def run(self, body: Any, items: Any, **keywords: Any) -> list[Any]:
        """All results of a run of this world."""
        return await self.list(self.map(body, items, **keywords))

    async def next(self, run: Any) -> Any:
        """The next result, or END."""
        return await anext(run, END) if self.in_async else next(run, END)

    async def take(self, run: Any, count: int) -> list[Any]:
        return [await self.next(run) for _ in range(count)]

    async def close(self, run: Any) -> None:
        if self.in_async:
            await run.aclose()
        else:
            run.close()

    async def until(self, condition: Any, ceiling: float = CEILING) -> None:
        """Look again and again; for what no valve can tell."""
        deadline = monotonic() + ceiling
        while not condition():
            if monotonic() > deadline:
                raise AssertionError(f"not so within {ceiling} s")
            await self.pause(PAUSE)

    @staticmethod
    async def pause(seconds: float = 0.0) -> None:
        """Let others go first."""
        if asyncio._get_running_loop() is not None:
            await asyncio.sleep(seconds)
        elif seconds:
            threading.Event().wait(seconds)

    @staticmethod
    def left_over() -> list[str]:
        """Threads and tasks of iobound that are there now."""
        left = [thread.name for thread in threading.enumerate() if thread.name.startswith("iobound")]
        if asyncio._get_running_loop() is not None:
            left += [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        return left

    @staticmethod
    def descriptors() -> set[str]:
        """Open files and sockets, where the system tells."""
        return set(os.listdir("/proc/self/fd")) if sys.platform == "linux" else set()  # noqa: PTH208 - one of them is ours

    def play(self, test: Any) -> None:
        if self.in_async:
            asyncio.run(test)
        else:
            stepped(test)

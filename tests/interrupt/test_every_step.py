"""A KeyboardInterrupt lands in the consuming thread, at every moment of a small run at which Python lets it in.

The consumer is traced. Python looks for signals at the start of a function, after a call and where a loop goes
back; there, inside iobound, the tracer raises. Quick: once in each line. Under IOBOUND_TORTURE=1: at every moment.
"""

from __future__ import annotations

import asyncio
import dis
import gc
import os
import sys
import threading
from _thread import interrupt_main
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

import iobound
import iobound.api.ending

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

TORTURE = os.environ.get("IOBOUND_TORTURE") == "1"
OURS = os.path.dirname(iobound.__file__)  # noqa: PTH120 - compared with what frames say, text with text
CEILING = 5.0
GRACE = 0.02
ITEMS = 5


@cache
def moments(code: CodeType) -> tuple[frozenset[int], tuple[tuple[int, int, int], ...]]:
    """Where the code looks for signals, and which instructions are guarded by which handler."""
    looks = {
        each.offset
        for each in dis.get_instructions(code)
        if each.opname.startswith("CALL")
        or "JUMP_BACKWARD" in each.opname
        or (each.opname == "RESUME" and not each.arg)
    }
    return frozenset(looks), tuple((each.start, each.end, each.target) for each in dis._parse_exception_table(code))


def handler(code: CodeType, at: int) -> int:
    """The innermost handler of an instruction; -1 without one."""
    return next((target for start, end, target in reversed(moments(code)[1]) if start <= at < end), -1)


class Tracer:
    """Calls `strike` at the one moment that `chooses` says, inside iobound."""

    def __init__(self, strike: Callable[[], None], chooses: Callable[[Any], bool]) -> None:
        self.strike = strike
        self.chooses = chooses
        self.struck: Any = None
        self.before: dict[FrameType, int] = {}

    def trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if self.struck is not None or not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = True
        if event == "return":
            self.before.pop(frame, None)
        elif event == "opcode":
            code, now = frame.f_code, frame.f_lasti
            before, self.before[frame] = self.before.get(frame, -1), now
            looked = before in moments(code)[0] and handler(code, before) == handler(code, now)
            place = (code.co_filename.removeprefix(OURS), code.co_qualname, frame.f_lineno)
            if looked and self.chooses(place):
                self.struck = place
                self.before.clear()
                self.strike()
        return self.trace


def interrupt() -> None:
    raise KeyboardInterrupt


async def native(item: int, *_: object) -> int:
    await asyncio.sleep(0)
    return item


def plain(item: int, *_: object) -> int:
    return item


def late(item: int) -> Any:
    return native(item)


async def numbers() -> Any:
    for number in range(ITEMS):
        yield number


@contextmanager
def resource() -> Any:
    yield "resource"


SOURCES: dict[str, Callable[[], Any]] = {
    "range": lambda: range(ITEMS),
    "generator": lambda: (number for number in range(ITEMS)),
    "async generator": numbers,
    "run": lambda: iobound.map(plain, range(ITEMS), model="threads", grace=GRACE),
    "async run": lambda: iobound.map(native, range(ITEMS), grace=GRACE),
}
PLAIN_WORLDS = [
    ("serial", plain, "range", {}),
    ("serial", plain, "generator", {"setup": resource}),
    ("serial", plain, "async generator", {}),
    ("serial", plain, "run", {"ordered": False}),
    ("threads", plain, "range", {}),
    ("threads", plain, "generator", {"setup": resource, "ordered": False}),
    ("threads", plain, "generator", {"feed": "consumer"}),
    ("threads", plain, "run", {"feed": "consumer", "task_timeout": 30}),
    ("threads", plain, "run", {}),
    ("asyncio", native, "range", {}),
    ("asyncio", native, "async generator", {"setup": resource}),
    ("auto", late, "range", {}),
]
ASYNC_WORLDS = [
    ("serial", plain, "range", {}),
    ("threads", plain, "generator", {}),
    ("asyncio", native, "range", {}),
    ("asyncio", native, "generator", {"setup": resource, "ordered": False}),
    ("asyncio", native, "async generator", {"errors": "collect"}),
    ("asyncio", native, "async run", {}),
    ("threads", plain, "async run", {}),
    ("auto", late, "range", {}),
]


FORMS = ("for", "with", "break")


def cases(worlds: list[Any]) -> list[Any]:
    """Every world in every form; quick: each in one of them, by turns."""
    return [
        pytest.param(world, form, id="-".join([form, world[0], world[2], *world[3]]))
        for number, world in enumerate(worlds)
        for form in (FORMS if TORTURE else [FORMS[number % len(FORMS)]])
        # Nobody tells a run under a bare `async for` that its loop is closing: its threads may still change over to it.
        if (worlds, world[0], form) != (ASYNC_WORLDS, "auto", "for")
    ]


def make(world: Any) -> Any:
    """A run of this world."""
    model, fn, source, keywords = world
    return iobound.map(fn, SOURCES[source](), model=model, concurrency=2, buffersize=3, grace=GRACE, **keywords)


class Consumer:
    """Consumes one run, in a thread, and is struck."""

    strike: Callable[[], None] = staticmethod(interrupt)

    def __init__(self, world: Any, form: str, chooses: Callable[[Any], bool]) -> None:
        self.run = make(world)
        self.form = form
        self.got: list[Any] = []
        self.interrupted = self.ended = False
        self.odd: BaseException | None = None
        self.tracer = Tracer(self.strike, chooses)
        thread = threading.Thread(target=self._guarded, daemon=True)
        thread.start()
        thread.join(CEILING)
        where = f"struck at {self.tracer.struck}"
        assert not thread.is_alive(), f"stuck, {where}"
        if self.odd is not None:
            raise AssertionError(where) from self.odd
        assert not self.ended or sorted(map(self.value, self.got)) == list(range(ITEMS)), f"{self.got}, {where}"

    @staticmethod
    def value(result: Any) -> Any:
        return getattr(result, "value", result)

    def _guarded(self) -> None:
        try:
            self._consume()
        except KeyboardInterrupt:
            self.interrupted = True
        except BaseException as error:
            self.odd = error

    def _consume(self) -> None:
        sys.settrace(self.tracer.trace)
        try:
            if self.form == "with":
                with self.run:
                    self._take()
            elif self.form == "break":
                with self.run:
                    self.got.append(next(self.run))
                    raise KeyboardInterrupt
            else:
                self._take()
        finally:
            sys.settrace(None)
            if self.form == "for":
                self._come_back()
            self.run = None

    def _take(self) -> None:
        for result in self.run:
            self.got.append(result)
        self.ended = True

    def _come_back(self) -> None:
        """Whoever goes on with the run gets every result, or an error, but never an end that is none."""
        try:
            while True:
                self.got.append(next(self.run))
        except StopIteration:
            self.ended = True
        except RuntimeError:
            pass


class AsyncConsumer(Consumer):
    """The same on a loop, struck by what `asyncio.run` makes of Ctrl-C: a cancellation of the main task."""

    def strike(self) -> None:
        self.task.cancel()

    def _consume(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            self.interrupted = True
        finally:
            sys.settrace(None)
            self.run = self.task = None
        gc.collect()  # a task that was cancelled keeps the run, in a cycle

    async def _main(self) -> None:
        self.task: Any = asyncio.current_task()
        sys.settrace(self.tracer.trace)
        if self.form == "for":
            await self._take_async()
            return
        async with self.run:
            if self.form == "break":
                self.got.append(await anext(self.run))
                raise KeyboardInterrupt
            await self._take_async()

    async def _take_async(self) -> None:
        async for result in self.run:
            self.got.append(result)
        self.ended = True


@pytest.fixture
def everywhere(monkeypatch: Any, records: Any) -> Any:
    """Plays a scenario again and again, until it has been struck at every moment."""
    later: list[Any] = []
    monkeypatch.setattr(iobound.api.ending, "start_new_thread", lambda fn, _: later.append(fn))

    def play(scenario: Callable[[Callable[[Any], bool]], Consumer]) -> None:
        count, seen, before = 0, set(), set(threading.enumerate())
        unharmed = scenario(lambda _: False)  # 3.12 sees no opcodes in the first traced thread of a process
        assert unharmed.ended or unharmed.interrupted
        while True:
            consumer = scenario(countdown(count) if TORTURE else lambda place: place not in seen)
            struck = consumer.tracer.struck
            assert consumer.interrupted or consumer.ended or later.pop() is interrupt_main, struck
            later.clear()
            nothing_left(struck, before)
            assert records.said == [], (struck, records.said)
            if struck is None:
                break
            seen.add(struck)
            count += 1
        assert count > 10, "nothing was traced"

    gc.collect()
    gc.freeze()  # or each collection would look through all of pytest
    yield play
    gc.unfreeze()


def countdown(moments: int) -> Callable[[Any], bool]:
    """Chooses the moment after so many."""
    left = iter(range(moments, -1, -1))
    return lambda _: not next(left)


def nothing_left(struck: Any, before: Any) -> None:
    """No thread of iobound is there any more, soon."""
    pause = threading.Event()
    for _ in range(int(CEILING * 1000)):
        left = [each for each in threading.enumerate() if each.name.startswith("iobound") and each not in before]
        if not left:
            return
        pause.wait(0.001)
    raise AssertionError(f"{left} left, struck at {struck}")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("world, form", cases(PLAIN_WORLDS))
def test_plain_code_is_interrupted(everywhere: Any, world: Any, form: str) -> None:
    everywhere(lambda chooses: Consumer(world, form, chooses))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("world, form", cases(ASYNC_WORLDS))
def test_async_code_is_interrupted(everywhere: Any, world: Any, form: str) -> None:
    everywhere(lambda chooses: AsyncConsumer(world, form, chooses))

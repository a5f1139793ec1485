"""What surrounds the function in a trial: it writes down how each call went, and begins none when the time is over."""

from __future__ import annotations

from time import perf_counter, thread_time
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from iobound.advisor.steady import Span
from iobound.models.calls import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType


class NotMade(Exception):  # noqa: N818 - no call has failed
    """The function was not called for this item: the time is over."""


class GaveCoroutine(NotMade):
    """What seemed plain gave a coroutine, which was not awaited: a lambda hides that what it calls is async."""


class Meter(NamedTuple):
    """Where the seconds of one call went."""

    wall: float
    cpu: float
    """Of the thread that made it."""
    kept: float = 0.0
    """Those in which an async call kept its loop: it computed, or waited without `await`."""


class Entry:
    """One call, written down when it has ended. After the deadline none begins, unless it is the first.

    That is asked here, since workers take the next item before anybody stops them.
    """

    __slots__ = ("began", "deadline", "entries")

    def __init__(self, entries: list[Any], deadline: float) -> None:
        self.entries = entries
        self.deadline = deadline

    def __enter__(self) -> Self:
        """It begins, or not."""
        self.began = perf_counter()
        if self.began >= self.deadline and self.entries:
            raise NotMade
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """When it began and ended, and whether it went well."""
        self.entries.append(Span(self.began, perf_counter(), kind is None))


class MeterEntry(Entry):
    """The same, with the CPU of the thread that makes it; on a loop that serves one call alone, of the loop."""

    __slots__ = ("ran", "steps")

    def __enter__(self) -> Self:
        """It begins, or not."""
        self.ran = thread_time()
        self.steps: Steps | None = None
        return super().__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Where its seconds went."""
        wall, cpu = perf_counter() - self.began, thread_time() - self.ran
        self.entries.append(Meter(wall, cpu, 0.0 if self.steps is None else self.steps.seconds))


def timed(fn: Callable[..., Any], spans: list[Span], deadline: float) -> Callable[..., Any]:
    """The function, writing down when each call began and ended, in the thread that made it."""

    def called(*arguments: Any) -> Any:
        with Entry(spans, deadline):
            return fn(*arguments)

    return named(called, fn)


def timed_async(fn: Callable[..., Any], spans: list[Span], deadline: float) -> Callable[..., Any]:
    """The same for an async function."""

    async def called(*arguments: Any) -> Any:
        with Entry(spans, deadline):
            return await awaited(fn, arguments)

    return named(called, fn)


def metered(fn: Callable[..., Any], meter: list[Meter], deadline: float) -> Callable[..., Any]:
    """The function, writing down the seconds that each call lasted, and those of its thread's CPU."""

    def called(*arguments: Any) -> Any:
        with MeterEntry(meter, deadline):
            value = fn(*arguments)
        if type(value) is CoroutineType:
            value.close()
            raise GaveCoroutine
        return value

    return named(called, fn)


def metered_async(fn: Callable[..., Any], meter: list[Meter], deadline: float) -> Callable[..., Any]:
    """The same for an async function."""

    async def called(*arguments: Any) -> Any:
        with MeterEntry(meter, deadline) as entry:
            entry.steps = Steps(awaited(fn, arguments))
            return await entry.steps

    return named(called, fn)


async def awaited(fn: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """What the call comes to: behind a lambda some may give a value at once."""
    value = fn(*arguments)
    return await value if hasattr(type(value), "__await__") else value


class Steps:
    """A coroutine to await, and the seconds of its steps: from one wait to the next it has its loop for itself."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.coroutine = coroutine
        self.seconds = 0.0

    def __await__(self) -> Steps:
        """Be what the task resumes."""
        return self

    __iter__ = __await__

    def __next__(self) -> Any:
        """The first step."""
        return self._step(self.coroutine.send, None)

    def send(self, value: Any) -> Any:
        """The next step."""
        return self._step(self.coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        """The next step, after a failure or a cancellation."""
        return self._step(self.coroutine.throw, *error)

    def close(self) -> None:
        """There is no next step."""
        self.coroutine.close()

    def _step(self, go_on: Callable[..., Any], *facts: Any) -> Any:
        began = perf_counter()
        try:
            return go_on(*facts)
        finally:
            self.seconds += perf_counter() - began


def named(called: Callable[..., Any], fn: Callable[..., Any]) -> Callable[..., Any]:
    """With the name of the user's function: nobody knows ours."""
    called.__qualname__ = name_of(fn)
    return called

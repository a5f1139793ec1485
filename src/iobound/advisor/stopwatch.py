"""What surrounds the function in a trial: it writes down how each call went, and begins none when the time is over."""

from __future__ import annotations

from time import perf_counter, thread_time
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple

from iobound.advisor.steady import Span
from iobound.models.calls import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


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


def timed(fn: Callable[..., Any], spans: list[Span], deadline: float) -> Callable[..., Any]:
    """The function, writing down when each call began and ended, in the thread that made it.

    After the deadline no call begins, unless it is the first: workers take the next item before anybody stops them.
    """

    def called(*arguments: Any) -> Any:
        ok, began = False, perf_counter()
        if began >= deadline and spans:
            raise NotMade
        try:
            value = fn(*arguments)
            ok = True
        finally:
            spans.append(Span(began, perf_counter(), ok))
        return value

    return named(called, fn)


def timed_async(fn: Callable[..., Any], spans: list[Span], deadline: float) -> Callable[..., Any]:
    """The same for an async function."""

    async def called(*arguments: Any) -> Any:
        ok, began = False, perf_counter()
        if began >= deadline and spans:
            raise NotMade
        try:
            value = await awaited(fn, arguments)
            ok = True
        finally:
            spans.append(Span(began, perf_counter(), ok))
        return value

    return named(called, fn)


def metered(fn: Callable[..., Any], meter: list[Meter], deadline: float) -> Callable[..., Any]:
    """The function, writing down the seconds that each call lasted, and those of its thread's CPU."""

    def called(*arguments: Any) -> Any:
        began, ran = perf_counter(), thread_time()
        if began >= deadline and meter:
            raise NotMade
        try:
            value = fn(*arguments)
        finally:
            meter.append(Meter(perf_counter() - began, thread_time() - ran))
        if type(value) is CoroutineType:
            value.close()
            raise GaveCoroutine
        return value

    return named(called, fn)


def metered_async(fn: Callable[..., Any], meter: list[Meter], deadline: float) -> Callable[..., Any]:
    """The same for an async function; the CPU is that of the loop's thread, which serves one call alone."""

    async def called(*arguments: Any) -> Any:
        began, ran = perf_counter(), thread_time()
        if began >= deadline and meter:
            raise NotMade
        steps = Steps(awaited(fn, arguments))
        try:
            return await steps
        finally:
            meter.append(Meter(perf_counter() - began, thread_time() - ran, steps.seconds))

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

"""Bridges: plain functions in async programs, async functions in plain ones, each within bounds of its own."""

from __future__ import annotations

import asyncio
import warnings
from contextvars import copy_context
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from weakref import finalize

from iobound.models.background import Background
from iobound.models.calls import failure_of, is_async, name_of
from iobound.models.elastic_pool import ElasticPool
from iobound.models.forks import stays_behind
from iobound.words.checks import check_count, check_seconds
from iobound.words.errors import BlockingLoopWarning, HungCalls, Overloaded, hinted
from iobound.words.loops import loop_runs_here

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

P = ParamSpec("P")
R = TypeVar("R")


def to_async(
    fn: Callable[P, R], threads: int = 32, queue: int = 256, timeout: float | None = None
) -> Callable[P, Coroutine[Any, Any, R]]:
    """An async function that calls `fn` in threads of its own: a bulkhead for blocking code in async programs.

    What `fn` does cannot use up the threads that others need, and what is too much is refused rather than kept. Each
    call sees the context variables of its caller.

    Args:
        fn: a plain function.
        threads: the most calls at a time. The threads are daemons, started as needed.
        queue: the most calls that wait for a thread; more raise `Overloaded`.
        timeout: seconds for one call, waiting not counted; then it raises `TimeoutError`, and its thread is replaced
            until it comes back, for at most `threads` calls that hang.

    Returns:
        The async function; it raises what `fn` raises, and `Overloaded`. A cancelled call that has not begun never
        begins.

    Raises:
        TypeError, ValueError: an argument is not valid.

    Example:
        >>> import asyncio, time, iobound
        >>> sleep = iobound.to_async(time.sleep, threads=4)
        >>> async def main():
        ...     await asyncio.gather(*(sleep(0.01) for _ in range(8)))
        >>> asyncio.run(main())
    """
    if not callable(fn):
        raise hinted(TypeError(f"fn={fn!r} is not callable"), "pass the function itself, as in to_async(client.get)")
    if is_async(fn):
        raise hinted(TypeError(f"{name_of(fn)}() is async already"), "call it as it is")
    check_count("threads", threads)
    check_count("queue", queue, "an integer of at least 0", least=0)
    check_seconds("timeout", timeout)
    bulkhead = Bulkhead(fn, threads, queue, timeout)

    @wraps(fn)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return cast("R", await bulkhead.call(partial(copy_context().run, fn, *args, **kwargs)))

    del call.__wrapped__  # or its colour would be taken for that of `fn`
    finalize(call, bulkhead.close).atexit = False  # a dropped bridge lets its threads end
    return call


class Bulkhead:
    """The threads of one bridge, and those that stand in for the ones that hang."""

    def __init__(self, fn: Callable[..., Any], threads: int, queue: int, timeout: float | None) -> None:
        self.name = name_of(fn)
        self.threads = threads
        self.queue = queue
        self.most = 2 * threads
        """Calls that may hang: each thread, and each that stood in for one."""
        self.timeout = timeout
        self.forked()
        stays_behind(self)

    def forked(self) -> None:
        """Be without threads and calls: a new bridge, or one that came into a forked child."""
        self.pool = ElasticPool(self.threads, self.queue, f"iobound {self.name}", awaited=False)
        self.hanging = 0

    def close(self) -> None:
        """Let the threads end."""
        self.pool.close()

    async def call(self, work: Callable[[], Any]) -> Any:
        """The result of `work`, made in one of the threads."""
        if self.timeout is None:
            return await asyncio.wrap_future(self._offer(work))
        call = TimedCall(self, work, asyncio.get_running_loop())
        made = asyncio.wrap_future(self._offer(call.make))
        try:
            await asyncio.wait((made, call.expired), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            made.cancel()
            raise
        if made.done():
            return made.result()
        made.add_done_callback(_ignore)
        raise TimeoutError(f"the call of {self.name}() took longer than timeout={self.timeout:g} s")

    def _offer(self, work: Callable[[], Any]) -> Future[Any]:
        if self.hanging >= self.most:
            raise self.exhausted()
        future = self.pool.offer((_made, (work,), {}))
        if future is not None:
            return future
        error = Overloaded(f"{self.pool.bound:g} calls of {self.name}() run and wait already")
        raise hinted(error, "await some before making more, or raise threads= or queue=")

    def exhausted(self) -> HungCalls:
        """What calls raise while no thread is left to make them."""
        error = HungCalls(f"{self.hanging} calls of {self.name}() hang and no thread is left")
        return hinted(error, "give the calls a timeout of their own")


def _made(work: Callable[[], Any]) -> Any:
    """In the thread: what steers loops and generators would never reach the caller, and surfaces as another error."""
    try:
        return work()
    except BaseException as error:
        told = failure_of(error)
        if told is error:
            raise
        raise told from error


class TimedCall:
    """A call that is given up when its time is over, and its thread replaced until it comes back."""

    def __init__(self, bulkhead: Bulkhead, work: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.bulkhead = bulkhead
        self.work = work
        self.loop = loop
        self.expired: asyncio.Future[None] = loop.create_future()
        self.over = False
        self.late = False
        self.lent = False
        """Another thread stands in for this one."""

    def make(self) -> Any:
        """In the thread: make the call. Its time begins now."""
        self._tell(self._began)
        try:
            return self.work()
        finally:
            with self.bulkhead.pool.lock:
                self.over = True
                self.bulkhead.hanging -= self.late
            if self.lent:
                self.bulkhead.pool.resize(-1)
            self._tell(self._ended)

    def _tell(self, what: Callable[[], None]) -> None:
        try:
            self.loop.call_soon_threadsafe(what)
        except RuntimeError:
            pass  # the loop is closed, and nobody waits any more

    def _began(self) -> None:
        self.timer = self.loop.call_later(self.bulkhead.timeout or 0.0, self._expire)

    def _ended(self) -> None:
        self.timer.cancel()

    def _expire(self) -> None:
        bulkhead = self.bulkhead
        with bulkhead.pool.lock:
            if self.over:
                return
            self.late = True
            bulkhead.hanging += 1
            self.lent = bulkhead.hanging <= bulkhead.most // 2
        if self.lent:
            bulkhead.pool.resize(1)
        elif bulkhead.hanging >= bulkhead.most:
            bulkhead.pool.refuse_waiting(bulkhead.exhausted)
        if not self.expired.done():
            self.expired.set_result(None)


def _ignore(late: asyncio.Future[Any]) -> None:
    """Nobody wants to know any more."""
    if not late.cancelled():
        late.exception()


def to_sync(async_fn: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """A plain function that runs `async_fn` on an event loop in the background, and waits for it.

    All such functions share one loop, so that a session opened by one serves the others. Each call sees the context
    variables of its caller, and is cancelled if its caller is interrupted. Whoever calls waits: there are never more
    calls than threads that make them.

    Args:
        async_fn: an async function.

    Returns:
        The plain function; it raises what `async_fn` raises.

    Raises:
        TypeError: `async_fn` is not an async function.

    Example:
        >>> import asyncio, iobound
        >>> async def double(number):
        ...     await asyncio.sleep(0)
        ...     return 2 * number
        >>> iobound.to_sync(double)(21)
        42
    """
    if not callable(async_fn) or not is_async(async_fn):
        raise hinted(TypeError(f"{async_fn!r} is not an async function"), "a plain one can be called as it is")

    @wraps(async_fn)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if _background.is_here():
            raise hinted(RuntimeError(f"{name_of(async_fn)}() would wait for itself"), "await it: this code is async")
        if loop_runs_here():
            warnings.warn(
                f"calling {name_of(async_fn)}() here blocks the running event loop\nhint: await the async function",
                BlockingLoopWarning,
                stacklevel=2,
            )
        loop = _background.loop()
        future = asyncio.run_coroutine_threadsafe(async_fn(*args, **kwargs), loop)  # and its context
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    del call.__wrapped__  # its colour is its own
    return call


_background = Background()

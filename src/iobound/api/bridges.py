"""Bridges: plain functions in async programs, async functions in plain ones, each within bounds of its own."""

from __future__ import annotations

import asyncio
import atexit
import os
import warnings
from contextvars import copy_context
from functools import partial, wraps
from threading import Event, Lock, Thread, current_thread
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast
from weakref import finalize

from iobound.models.calls import is_async, name_of
from iobound.models.elastic_pool import ElasticPool
from iobound.models.loop_executor import LoopExecutor
from iobound.words.checks import check_count, check_seconds
from iobound.words.errors import BlockingLoopWarning, HungCalls, Overloaded, hinted
from iobound.words.loops import loop_runs_here

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

P = ParamSpec("P")
R = TypeVar("R")
DEFAULT_THREADS = 32
"""Of `asyncio.to_thread` on the background loop."""
PATIENCE = 0.5
"""Seconds that the interpreter's exit waits for what still runs there."""


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
    finalize(call, bulkhead.pool.close).atexit = False  # a dropped bridge lets its threads end
    return call


class Bulkhead:
    """The threads of one bridge, and those that stand in for the ones that hang."""

    def __init__(self, fn: Callable[..., Any], threads: int, queue: int, timeout: float | None) -> None:
        self.name = name_of(fn)
        self.most = 2 * threads
        """Calls that may hang: each thread, and each that stood in for one."""
        self.timeout = timeout
        self.pool = ElasticPool(threads, queue, f"iobound {self.name}", awaited=False)
        self.hanging = 0

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
        future = self.pool.offer((work, (), {}))
        if future is not None:
            return future
        error = Overloaded(f"{self.pool.bound:g} calls of {self.name}() run and wait already")
        raise hinted(error, "await some before making more, or raise threads= or queue=")

    def exhausted(self) -> HungCalls:
        """What calls raise while no thread is left to make them."""
        error = HungCalls(f"{self.hanging} calls of {self.name}() hang and no thread is left")
        return hinted(error, "give the calls a timeout of their own")


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
        future = asyncio.run_coroutine_threadsafe(async_fn(*args, **kwargs), _background.loop())  # and its context
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    del call.__wrapped__  # its colour is its own
    return call


class Background:
    """One event loop in a daemon thread, started when it is first needed, and again in a forked child."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.owner = 0
        self.thread: Thread | None = None

    def is_here(self) -> bool:
        """Whether the caller runs on it."""
        return self.thread is current_thread()

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, running."""
        with self.lock:
            if self.thread is None:
                atexit.register(self.stop)
            if self.owner != os.getpid():
                self.owner, self.started = os.getpid(), Event()
                self.thread = Thread(target=self._run, name="iobound to_sync", daemon=True)
                self.thread.start()
        self.started.wait()
        return self._loop

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            runner.run(self._stay())

    async def _stay(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(LoopExecutor(DEFAULT_THREADS))
        self._over = self._loop.create_future()
        self.started.set()
        await self._over

    def stop(self) -> None:
        """At the interpreter's exit: cancel what still runs there, and wait a moment for it."""
        with self.lock:
            thread, owner, self.owner = self.thread, self.owner, 0
        if thread is not None and owner == os.getpid() and thread.is_alive():
            self._loop.call_soon_threadsafe(_set, self._over)
            thread.join(PATIENCE)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


_background = Background()

"""`Executor`: a bounded, drop-in `concurrent.futures.Executor`."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from weakref import finalize

from iobound.models.pool import Pool
from iobound.words.checks import check_count
from iobound.words.clock import FOREVER
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")

_numbers = count()


class Executor(ThreadPoolExecutor):
    """A pool of at most `max_workers` threads that holds at most `queue` calls waiting: `submit` waits for a place.

    Use it like a `concurrent.futures.ThreadPoolExecutor`, of which it is one. What differs is what happens when it
    is full, `max_workers` calls running and `queue` waiting:

    - `submit` blocks until there is a place;
    - called by the executor's own threads, in calls or callbacks of futures, `submit` never blocks: the call waits
      beyond the bound, and `overflowed` counts it;
    - called inside a running event loop `submit` raises `Overloaded`, and so does `loop.run_in_executor`.

    What was submitted is finished before the interpreter exits, unless it exits because of a KeyboardInterrupt.

    Args:
        max_workers: the most threads. They are daemons, started only when no other is idle.
        queue: the most calls that wait. Default: max(256, 8 x max_workers).
        thread_name_prefix: what the names of its threads begin with.
        initializer: called in each thread before its first call; if it fails, the executor is broken.
        initargs: what it is called with.

    Raises:
        TypeError, ValueError: an argument is not valid.

    Example:
        >>> import iobound
        >>> with iobound.Executor(max_workers=4) as pool:
        ...     future = pool.submit(pow, 2, 8)
        ...     future.result(), list(pool.map(len, ["one", "three"]))
        (256, [3, 5])
    """

    def __init__(
        self,
        max_workers: int | None = 32,
        queue: int | None = None,
        *,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        size = 32 if max_workers is None else max_workers
        check_count("max_workers", size)
        bound = max(256, 8 * size) if queue is None else queue
        check_count("queue", bound, "an integer of at least 0", least=0)
        name = thread_name_prefix or f"iobound executor-{next(_numbers)}"
        super().__init__(size, name, initializer, initargs)
        begin = None if initializer is None else partial(initializer, *initargs)
        self._pool = Pool(size, bound, name, awaited=True, initializer=begin)
        finalize(self, self._pool.close).atexit = False  # a dropped executor lets its threads end

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have `fn(*args, **kwargs)` called in a thread, and return its future; block while the executor is full.

        As in `concurrent.futures`, nothing of the caller's context is copied: `submit(copy_context().run, fn)` does.

        Raises:
            Overloaded: it is full, and this thread is inside a running event loop.
            RuntimeError: it was shut down, or the interpreter is leaving.
            BrokenThreadPool: `initializer` failed.
        """
        return self._pool.submit((fn, args, kwargs))

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,  # noqa: ARG002 - for pools of processes
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """The results of `fn` for the items of the iterables, as they are zipped, in their order.

        Items are pulled and submitted at once, as far as there is room, and then as results are taken. The iterator
        keeps its executor in use; take all results before it is shut down.

        Args:
            fn: called with one item of each iterable.
            iterables: pulled in this thread.
            timeout: seconds from now, in which all results must be there.
            chunksize: without meaning for threads.
            buffersize: the most calls submitted whose results were not taken. Default: what the executor holds.

        Raises:
            TimeoutError: a result was not there in time; from the iterator, as is what `fn` raises.
        """
        if buffersize is not None:
            check_count("buffersize", buffersize)
        until = FOREVER if timeout is None else monotonic() + timeout
        ahead = _Ahead(self, fn, zip(*iterables, strict=False), buffersize or int(self._pool.bound))
        ahead.submit()
        return ahead.results(until)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Accept no more calls.

        Args:
            wait: until all calls are finished and all threads gone.
            cancel_futures: cancel the calls that have not begun.
        """
        self._pool.close(cancel=cancel_futures)
        if wait:
            self._pool.join()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish what was submitted, but leave it when the user has interrupted the block."""
        interrupted = isinstance(error, KeyboardInterrupt)
        self.shutdown(wait=not interrupted, cancel_futures=interrupted)

    @property
    def running(self) -> int:
        """How many calls run now."""
        return len(self._pool.running)

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread now."""
        return self._pool.count_waiting()

    @property
    def overflowed(self) -> int:
        """How many calls the executor's own threads have submitted while it was full, so far."""
        return self._pool.overflowed


class _Ahead:
    """The calls of one `map`, submitted ahead of who takes the results."""

    def __init__(self, executor: Executor, fn: Callable[..., Any], items: Iterator[Any], limit: int) -> None:
        self.executor: Executor | None = executor
        """None once everything is submitted: an executor may be dropped then."""
        self.fn = fn
        self.items = items
        self.limit = limit
        self.pulled: tuple[Any, ...] | None = None
        """One that found no place after all."""
        self.futures: deque[Future[Any]] = deque()

    def submit(self) -> None:
        """Submit as much as there is room for. Never blocks."""
        while self.executor is not None and len(self.futures) < self.limit:
            pool = self.executor._pool  # noqa: SLF001 - of this module
            if (pool.closed and self.futures) or not pool.room or not self._pull() or not self._send(pool.offer):
                return

    def results(self, until: float) -> Iterator[Any]:
        """Each result in its turn. Where this ends, whatever has not begun is cancelled."""
        try:
            while True:
                self.submit()
                if not self.futures:
                    if self.executor is None or not self._pull():
                        return
                    self._send(partial(self.executor._pool.submit, until=until))  # noqa: SLF001 - of this module
                yield _taken(self.futures.popleft(), until)
        finally:
            for future in self.futures:
                future.cancel()

    def _pull(self) -> bool:
        """Have an item to submit. False: the source has ended."""
        if self.pulled is None:
            self.pulled = next(self.items, None)
        if self.pulled is None:
            self.executor = None
        return self.pulled is not None

    def _send(self, send: Callable[[Any], Future[Any] | None]) -> bool:
        """Submit the pulled item in this way. False: there was no room."""
        try:
            future = send((self.fn, self.pulled, {}))
        except RuntimeError as error:
            if self.executor is not None and self.executor._pool.closed:  # noqa: SLF001 - of this module
                hinted(error, "map() goes on submitting as results are taken: take them all before the shutdown")
            raise
        if future is None:
            return False
        self.futures.append(future)
        self.pulled = None
        return True


def _taken(future: Future[T], until: float) -> T:
    """The future's result. If that is not there in time, nobody wants it any more."""
    try:
        return future.result(None if until == FOREVER else until - monotonic())
    finally:
        future.cancel()
        del future  # an error's traceback leads here, and must not lead on from here

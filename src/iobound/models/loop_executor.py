"""The default executor of a run's private loop, whose threads never hold up the interpreter's exit."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from iobound.models.pool import Pool
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class LoopExecutor(ThreadPoolExecutor):
    """At most `size` daemon threads; the tasks of the run are what bounds the calls that wait.

    A subclass in name only: asyncio accepts nothing else as a loop's default executor. The standard pool joins
    its threads at exit, so one hung `asyncio.to_thread` would keep the program from ending.
    """

    def __init__(self, size: int) -> None:
        super().__init__(max_workers=size)
        self._pool = Pool(size, FOREVER, "iobound to_thread", awaited=False)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` in one of the threads."""
        return self._pool.submit((fn, args, kwargs))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Accept nothing more and send idle threads home. Never waits for a call."""
        self._pool.close(cancel=cancel_futures)
        for thread in self._pool.threads:
            if thread not in self._pool.running:
                thread.join(timeout=0.1)  # it has only a few instructions to go

"""A default executor for a run's private loop, whose threads never hold up the interpreter's exit."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class DaemonPool(ThreadPoolExecutor):
    """At most `size` daemon threads, started as needed.

    A subclass in name only: asyncio accepts nothing else as a loop's default executor. The standard pool joins
    its threads at exit, so one hung `asyncio.to_thread` would keep the program from ending.
    """

    def __init__(self, size: int) -> None:
        super().__init__(max_workers=1)
        self._size = size
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._guard = Lock()
        self._idle = 0
        self._members: list[Thread] = []
        self._busy: set[Thread] = set()
        self._closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run `fn` in one of the threads."""
        future: Future[T] = Future()
        with self._guard:
            if self._closed:
                msg = "cannot schedule new futures after shutdown"
                raise RuntimeError(msg)
            self._work.put((future, lambda: fn(*args, **kwargs)))
            if self._idle:
                self._idle -= 1
            elif len(self._members) < self._size:
                self._members.append(Thread(target=self._serve, name="iobound to_thread", daemon=True))
                self._members[-1].start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Accept nothing more and send idle threads home. Never waits for a call."""
        with self._guard:
            self._closed = True
            for _ in self._members:
                self._work.put(None)
        for thread in self._members:
            if thread not in self._busy:
                thread.join(timeout=0.1)  # it has only a few instructions to go

    def _serve(self) -> None:
        while (task := self._work.get()) is not None:
            future, call = task
            self._busy.add(current_thread())
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001 - it belongs to whoever awaits the future
                    future.set_exception(error)
            del task, future, call
            self._busy.discard(current_thread())
            with self._guard:
                self._idle += self._work.empty()

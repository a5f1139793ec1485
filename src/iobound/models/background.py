"""One event loop in a thread beside plain code, which nothing that runs on it can end."""

from __future__ import annotations

import asyncio
import atexit
from threading import Lock, Thread, current_thread

from iobound.models.forks import stays_behind
from iobound.models.loop_executor import LoopExecutor

THREADS = 32
"""Of `asyncio.to_thread` on the loop."""
PATIENCE = 0.5
"""Seconds that the interpreter's exit waits for what still runs there."""


class LoopThread(Thread):
    """A daemon thread that runs a loop until it is told to end."""

    def __init__(self) -> None:
        super().__init__(name="iobound to_sync", daemon=True)
        self.over = False
        self.loop = asyncio.new_event_loop()
        self.loop.set_default_executor(LoopExecutor(THREADS))

    def run(self) -> None:
        """Whoever stops the loop, or leaves it by SystemExit, was one of many calls: the others go on."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            while not self.over:
                try:
                    runner.get_loop().run_forever()
                except (KeyboardInterrupt, SystemExit):
                    pass  # its caller has been told

    def end(self) -> None:
        """Cancel what still runs there."""
        self.over = True
        self.loop.call_soon_threadsafe(self.loop.stop)


class Background:
    """The loop, started when it is first needed, and again in a forked child."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.thread: LoopThread | None = None
        self.left: list[LoopThread] = []
        """Those of the processes that this one was forked from: to close their loops would disturb them there."""
        atexit.register(self.stop)
        stays_behind(self)

    def forked(self) -> None:
        """This is a forked child: the thread did not come along."""
        self.lock = Lock()
        if self.thread is not None:
            self.left.append(self.thread)
            self.thread = None

    def is_here(self) -> bool:
        """Whether the caller runs on it."""
        return self.thread is current_thread()

    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop, running."""
        with self.lock:
            if self.thread is None or not self.thread.is_alive():
                thread = LoopThread()
                try:
                    thread.start()
                except BaseException:
                    thread.loop.close()
                    raise
                self.thread = thread
            return self.thread.loop

    def stop(self) -> None:
        """At the interpreter's exit: cancel what still runs there, and wait a moment for it."""
        with self.lock:
            thread, self.thread = self.thread, None
        if thread is not None and thread.is_alive():
            thread.end()
            thread.join(PATIENCE)

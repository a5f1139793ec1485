"""Calls that keep an event loop from going on are named: file, line, and what to do about it."""

from __future__ import annotations

import os
import sys
import warnings
from threading import Thread, current_thread
from typing import TYPE_CHECKING, NamedTuple

from iobound.models.task_worker import TaskWorker
from iobound.words.bells import ThreadBell
from iobound.words.clock import SystemClock
from iobound.words.errors import BlockingLoopWarning

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from iobound.models.asyncio import TaskCrew

DELAY, BEAT = 0.25, 0.25
"""Seconds that a run lasts before its loop is watched, and between two looks."""
TOO_LONG = 0.1
"""Seconds in which a loop must answer, as in asyncio's own debug mode (`slow_callback_duration`)."""
AGAIN = 0.05
"""Seconds between two looks at one that does not. Only a call that is found twice is named: nobody is to blame for a
machine that stood still."""
STEPS: CodeType = TaskWorker._steps.__code__  # noqa: SLF001 - the frame that steps the user's coroutines
LIBRARY = (os.path.dirname(os.__file__), __file__.rpartition("models")[0], "<")  # noqa: PTH120 - it is text
"""Where code lies that is not the user's own, but for what was installed."""


class Place(NamedTuple):
    """Where a call was found."""

    attempt: int
    file: str
    line: int


class LoopWatch:
    """Asks a loop from a thread, now and then, whether it goes on. Ends with the run, or once it has named a call."""

    def __init__(self, crew: TaskCrew) -> None:
        self.crew = crew
        self.driver = driver = crew.driver
        self.bell = ThreadBell()
        self.over = self.answered = False
        self.asked = 0.0
        self.place: Place | None = None
        """Where a call was found twice."""
        real = isinstance(driver.clock, SystemClock)  # others stand still while anybody computes
        self.timer = crew.loop.call_later(DELAY, self._start) if real else None

    def stop(self) -> None:
        """The run is over."""
        self.over = True
        if self.timer is not None:
            self.timer.cancel()
        self.bell.ring()

    def _start(self) -> None:
        with self.driver.lock:
            self.driver.enter()
        Thread(target=self._watch, name="iobound watch", daemon=True).start()

    def _watch(self) -> None:
        try:
            while not self.over:
                self._ask()
                self.bell.wait(BEAT)
        except RuntimeError:
            pass  # the loop is closed
        finally:
            self.driver.left(current_thread())

    def _ask(self) -> None:
        self.answered, self.asked = False, self.driver.clock.now()
        self.crew.loop.call_soon_threadsafe(self._answer)
        self.bell.wait(TOO_LONG)
        before = None
        while not (self.answered or self.over):
            found = self._look()
            if found is not None and before is not None and found.attempt == before.attempt:
                self.place = found
            before = found
            self.bell.wait(AGAIN)

    def _look(self) -> Place | None:
        """The innermost line of the user's own code, in a call of this run."""
        frame: FrameType | None = sys._current_frames().get(self.crew.thread)  # noqa: SLF001 - there is no other way
        inside: list[tuple[str, int]] = []
        while frame is not None and frame.f_code is not STEPS:
            inside.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        if frame is None or not inside or frame.f_locals["self"].crew is not self.crew:
            return None
        theirs = [place for place in inside if not (place[0].startswith(LIBRARY) or "site-packages" in place[0])]
        file, line = (theirs or inside[-1:])[0]
        return Place(frame.f_locals["attempt"].index, file, line)

    def _answer(self) -> None:
        """On the loop, which goes on."""
        self.answered, place = True, self.place
        self.bell.ring()
        if place is None or self.over:
            return
        self.over = True
        seconds = self.driver.clock.now() - self.asked
        name = self.driver.job.call.name
        message = (
            f"{name}() blocked the event loop for more than {seconds:.1f} s: nothing else went on\n"
            "hint: await something that does not block, or make it a plain function: iobound.map runs those on threads"
        )
        try:
            warnings.warn_explicit(message, BlockingLoopWarning, place.file, place.line)
        except BlockingLoopWarning as error:  # who turns warnings into errors wants to see them
            self.driver.crash(error)

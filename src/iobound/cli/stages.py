"""Ctrl-C in three stages: the first drains, the second cancels, the third leaves. SIGTERM counts as one."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, Self

from iobound.cli.exits import INTERRUPTED, TERMINATED, say

if TYPE_CHECKING:
    from types import FrameType

    from iobound.api.run import Run

CODES = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: TERMINATED}


class Stages:
    """Handlers that only tell the run: no exception lands in the middle of a line that is being written."""

    def __init__(self, run: Run[Any], grace: float, *, bar: bool = False) -> None:
        self.run = run
        self.grace = grace
        self.bar = bar
        """One is drawn on the line that is written to."""
        self.code: int | None = None
        """The exit code of the signal that came first; None while none has."""
        self.stage = 0
        self.before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals over."""
        for number in CODES:
            self.before[number] = signal.signal(number, self._advance)
        return self

    def __exit__(self, *_: object) -> None:
        """Give them back."""
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _advance(self, number: int, _frame: FrameType | None) -> None:
        self.stage += 1
        self.code = self.code or CODES[signal.Signals(number)]
        if self.stage == 1:
            running = self.run.stats.in_flight
            say(f"stopping: {running} in flight, up to {self.grace:g} s (Ctrl-C again to cancel)", clear=self.bar)
            self.run.drain()
        elif self.stage == 2:  # noqa: PLR2004
            say("cancelling (Ctrl-C again to leave at once)", clear=self.bar)
            self.run.cancel()
        else:
            os._exit(self.code)

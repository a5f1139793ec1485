"""Time as an argument: everything that reads or waits for time is handed a clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from iobound.words.bells import ThreadBell

FOREVER = float("inf")
"""A moment that never comes: "only a ring can change the answer"."""


class Clock(Protocol):
    """Monotonic seconds, and waiting for them in a thread."""

    def now(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""

    def wait(self, bell: ThreadBell, until: float) -> None:
        """Block this thread until `bell` is rung or the clock shows `until`."""


class SystemClock:
    """The machine's monotonic clock."""

    now = staticmethod(time.monotonic)

    def wait(self, bell: ThreadBell, until: float) -> None:
        """Block this thread until `bell` is rung or the clock shows `until`."""
        bell.wait(None if until == FOREVER else max(0.0, until - time.monotonic()))

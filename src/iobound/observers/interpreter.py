"""Whether the interpreter itself was what held a run back: then no number of threads or tasks helps."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

from iobound.words.errors import said

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_ENOUGH = 2.0
"""Seconds that a run must have lasted."""
BUSY, SHARED = 0.85, 1.15
"""Cores that the process kept busy, on average: of more than one the calls shared others, without the interpreter."""
ENOUGH = 0.5
"""Calls in flight at a time, on average: with fewer it was something else that kept it busy."""


class Interpreter:
    """A hook of the runs whose model was not told: says once where Python code is the bottleneck.

    Only one thread at a time runs it (the global interpreter lock): then one core is busy, and the others are not.
    """

    def __init__(self, name: str, cores: Callable[[], float]) -> None:
        self.name = name
        self.cores = cores
        self.began = process_time()

    def begin(self, look: Callable[[], tuple[float, float]]) -> None:
        """The run begins. `look` tells the seconds since, and those that calls were in flight, all together."""
        self.look = look

    def stopped(self, error: BaseException | None) -> None:  # noqa: ARG002 - what hooks are told
        """The run is over."""
        seconds, in_flight = self.look()
        if seconds < LONG_ENOUGH or in_flight < ENOUGH * seconds:
            return
        share, cores = (process_time() - self.began) / seconds, self.cores()
        if BUSY <= share <= SHARED < cores:
            said(
                f"{self.name}() kept one core busy for {min(1.0, share):.0%} of the time, and Python code uses one: "
                f"{cores:g} processes could be up to {cores / share:.2g} times as fast",
                "no number of threads or tasks helps where the interpreter is busy; other processes would",
            )

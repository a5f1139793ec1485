"""What the measurements hand on to the judgement: plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iobound.words.findings import Candidate, Drawn, Split

SERIAL, THREADS, ASYNCIO = "serial", "threads", "asyncio"
SIMPLEST_FIRST = (SERIAL, THREADS, ASYNCIO)
"""Where nothing else decides, the first of these is recommended."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate, once."""

    rate: float
    """Calls per second that succeeded, while all places were taken."""
    latency: float
    """Seconds per call, on average."""
    p99: float
    startup: float
    memory: int | None
    cores: float
    calls: int
    failed: int
    seconds: float
    """From its beginning until its last thread was gone."""
    failure: str = ""
    """The most frequent kind of failure."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured, and under which circumstances."""

    name: str
    is_async: bool
    base: Candidate
    trials: dict[Candidate, list[Trial]]
    """The finalists, the base among them; each has one trial of every round."""
    curve: list[tuple[Candidate, Trial]]
    """The search: one trial each, the base first."""
    split: Split
    drawn: Drawn
    most: int
    """The concurrency that the search would have stopped at."""
    seconds: float
    budget: float
    cores: float
    """Processors that this process may use."""
    gil: bool
    machine: str
    others: float | None
    """Processors that other programs kept busy meanwhile; None where the platform does not tell."""

    @property
    def rounds(self) -> int:
        """So many trials has each finalist."""
        return len(self.trials[self.base])

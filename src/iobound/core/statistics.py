"""Bounded statistics: counters and histograms, whose size does not depend on the number of items."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log2
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

STEPS = 8
"""Buckets per doubling: each is 9 % wide, so a percentile is off by less than 5 %."""
BUCKETS = 50 * STEPS
"""From 1 us to 35 years."""


SAMPLE = 15
"""Of plain runs every sixteenth waiting time is counted: `not index & SAMPLE`."""


class Histogram:
    """How long things took, in logarithmic buckets (the idea of HdrHistogram, with fewer digits)."""

    __slots__ = ("counts", "longest")

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.longest = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[int(log2(seconds * 1e6 + 1.0) * STEPS)] += 1
        if seconds > self.longest:
            self.longest = seconds

    def merge(self, other: Histogram) -> None:
        """Count everything that `other` counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.longest = max(self.longest, other.longest)

    def percentile(self, percent: float) -> float:
        """Seconds that `percent` of the durations stay below, within 5 %; 0.0 if there are none."""
        wanted = sum(self.counts) * percent / 100
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if count and seen >= wanted:
                return min((2 ** ((bucket + 0.5) / STEPS) - 1) / 1e6, self.longest)
        return 0.0


class Tally:
    """What the calls of one worker thread, or of one loop, came to. Only that thread writes it."""

    __slots__ = ("failed", "running", "succeeded", "waiting")

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.running = Histogram()
        self.waiting = Histogram()

    def merge(self, other: Tally) -> None:
        """Add what `other` came to."""
        self.succeeded += other.succeeded
        self.failed += other.failed
        self.running.merge(other.running)
        self.waiting.merge(other.waiting)


@dataclass(frozen=True, slots=True)
class Durations:
    """A distribution of durations, in seconds; percentiles within 5 %, `longest` exact."""

    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    longest: float = 0.0

    @classmethod
    def of(cls, histogram: Histogram) -> Durations:
        """The summary of a histogram."""
        p50, p90, p99 = (histogram.percentile(percent) for percent in (50, 90, 99))
        return cls(p50, p90, p99, histogram.longest)


@dataclass(frozen=True, slots=True)
class Stats:
    """What a run has done so far: `run.stats`, at any moment, also after the end."""

    pulled: int = 0
    """Items taken from the source."""
    succeeded: int = 0
    """Attempts that returned a value."""
    failed: int = 0
    """Items that failed for good, those of earlier stages included."""
    retried: int = 0
    """Attempts that failed and were, or will be, made again."""
    delivered: int = 0
    """Items handed to the consumer, or skipped on its behalf."""
    in_flight: int = 0
    """Calls running now, abandoned ones not counted."""
    abandoned: int = 0
    """Hung calls that were given up; on threads they may still be running."""
    elapsed: float = 0.0
    """Seconds from the first use until now, or until the end."""
    running: Durations = field(default_factory=Durations)
    """How long attempts ran."""
    waiting: Durations = field(default_factory=Durations)
    """How long items waited between being pulled and being started."""
    held_by_order: float = 0.0
    """Seconds in which free slots idled because an earlier item was not done; `ordered=False` has none."""
    held_by_index: int | None = None
    """The item that held the others up longest."""


def merged(tallies: Iterable[Tally]) -> Tally:
    """The sum of all `tallies`."""
    total = Tally()
    for tally in list(tallies):
        total.merge(tally)
    return total

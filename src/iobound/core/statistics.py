"""Bounded statistics: counters and histograms, whose size does not depend on the number of items."""

from __future__ import annotations

from math import ceil, exp2, log, log2
from typing import TYPE_CHECKING

from iobound.core.losses import ROUTE
from iobound.words.stats import Durations, Stats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iobound.core.run import Core
    from iobound.words.attempt import Attempt

STEPS = 8
"""Buckets per doubling: each is 9 % wide, so a percentile is off by less than 5 %."""
BUCKETS = 50 * STEPS
"""From 1 us to 35 years."""

SHORTEST = 1e-9
"""Seconds that an attempt is taken to last at least."""
BRIEF = 1e-3
"""Seconds. An attempt that took longer is always timed."""
EARLY = 1000
"""So is an attempt at one of the first items."""
EVERY = 17
"""Of the others one in so many is timed and counts for all, so that the clockwork costs a call of microseconds
next to nothing. A prime: sources have rhythms, of 2, 10 or 16 items, but hardly of 17."""


class Histogram:
    """How long things took, in logarithmic buckets (the idea of HdrHistogram, with fewer digits)."""

    __slots__ = ("counts", "longest")

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.longest = 0.0
        """Exact, of those that were counted."""

    def add(self, seconds: float, weight: int = 1) -> None:
        """Count a duration, `weight` times."""
        if seconds > self.longest:
            self.longest = seconds
        self.counts[int(log2(max(0.0, seconds) * 1e6 + 1.0) * STEPS)] += weight

    def merge(self, other: Histogram) -> None:
        """Count everything that `other` counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.longest = max(self.longest, other.longest)

    def percentile(self, percent: float) -> float:
        """Seconds that `percent` of the durations stay below, within 5 %; 0.0 if there are none."""
        wanted = max(1, ceil(sum(self.counts) * percent / 100))
        seen = 0
        for bucket, count in enumerate(self.counts):
            seen += count
            if seen >= wanted:
                return min(self.longest, (exp2((bucket + 0.5) / STEPS) - 1) / 1e6)
        return 0.0


class Tally:
    """What the calls of one worker thread, or of one loop, came to. Only that thread writes it."""

    __slots__ = ("failed", "logs", "running", "seconds", "squares", "succeeded", "timed", "waiting")

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.running = Histogram()
        self.waiting = Histogram()
        self.timed = self.logs = self.squares = self.seconds = 0.0
        """Of those that succeeded: as in `Totals`."""

    def count(self, attempt: Attempt) -> None:
        """An attempt has ended, and counts."""
        self.time(attempt)
        if attempt.error is None:
            self.succeeded += 1
        else:
            self.failed += 1

    def time(self, attempt: Attempt) -> None:
        """Count the times of an attempt, if it was not brief, or early, or is one of the sample.

        Where every item passes the same is asked before, to spare most of them the call.
        """
        one_by_one = attempt.duration > BRIEF or attempt.index < EARLY
        if one_by_one or not attempt.index % EVERY:
            weight = 1 if one_by_one else EVERY
            self.running.add(attempt.duration, weight)
            self.waiting.add(attempt.started - attempt.pulled, weight)
            if attempt.error is None:
                logarithm = log(max(SHORTEST, attempt.duration))
                self.timed += weight
                self.logs += weight * logarithm
                self.squares += weight * logarithm * logarithm
                self.seconds += weight * attempt.duration

    def merge(self, other: Tally) -> None:
        """Add what `other` came to."""
        self.succeeded += other.succeeded
        self.failed += other.failed
        self.running.merge(other.running)
        self.waiting.merge(other.waiting)


def merged(tallies: Iterable[Tally]) -> Tally:
    """The sum of all `tallies`."""
    total = Tally()
    for tally in list(tallies):
        total.merge(tally)
    return total


def durations(histogram: Histogram) -> Durations:
    """The summary of a histogram."""
    p50, p90, p99 = (histogram.percentile(percent) for percent in (50, 90, 99))
    return Durations(p50, p90, p99, histogram.longest)


def snapshot(core: Core, now: float, model: str = "", chosen: str = "") -> Stats:
    """What the run has done so far. Bounded work: a few additions per worker."""
    total, delivery = merged(core.tallies), core.delivery
    now = core.ended_at or now
    losses = core.losses.times.until(now)
    held = losses.held
    return Stats(
        pulled=delivery.pulled,
        succeeded=total.succeeded,
        failed=core.failed,
        retried=core.starts.retried,
        delivered=delivery.returned,
        in_flight=sum(slot.attempt is not None for slot in list(core.slots)),
        limit=core.slots.capacity,
        limited_by=core.steering.why,
        model=model,
        chosen=chosen,
        abandoned=core.slots.abandoned,
        elapsed=now - core.started_at,
        running=durations(total.running),
        waiting=durations(total.waiting),
        held_by_order=held["order"],
        held_by_index=losses.item,
        held_by_source=held["source"],
        held_by_consumer=held["consumer"],
        held_by_limits={name: seconds for name, seconds in held.items() if name not in ROUTE},
    )

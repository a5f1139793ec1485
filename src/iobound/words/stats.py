"""What a run tells about itself: immutable snapshots."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Durations:
    """A distribution of durations, in seconds; each within 5 %.

    After the first 1,000 items, attempts shorter than a millisecond are sampled, one in 17 for all.
    """

    p50: float = 0.0
    p90: float = 0.0
    p99: float = 0.0
    longest: float = 0.0


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
    """Attempts that failed and were made again, or wait for a place to be."""
    delivered: int = 0
    """Items handed to the consumer, or skipped on its behalf; of a complete run all that were pulled."""
    in_flight: int = 0
    """Calls running now, abandoned ones not counted."""
    limit: int = 0
    """The most calls that may run now."""
    limited_by: str = ""
    """Why it is not more, where it was found by measuring; empty where it was told."""
    model: str = ""
    """What makes the calls now: serial (the consumer itself), threads or asyncio."""
    chosen: str = ""
    """Why it does, where `model` was "auto"."""
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
    held_by_source: float = 0.0
    """Seconds in which free slots idled because the source gave nothing, or did not say that it has ended."""
    held_by_consumer: float = 0.0
    """Seconds in which free slots idled because nobody took the results."""
    held_by_limits: Mapping[str, float] = field(default_factory=dict)
    """Seconds in which free slots idled because a limit let nothing start, by its name: `{"rate 50/s": 3.2}`."""

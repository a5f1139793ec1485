"""What an advisor has found: plain records, from which text, JSON and pages are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["clear", "slight", "too close to call", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate, with the ends of its 95 % interval."""

    low: float
    middle: float
    high: float

    @property
    def width(self) -> float:
        """The upper end as a multiple of the lower: 1 for a point."""
        return self.high / self.low if self.low > 0 else float("inf")

    def inverse(self) -> Interval:
        """The interval of 1/x, for a ratio seen from the other side."""
        return Interval(*(1 / each if each else float("inf") for each in (self.high, self.middle, self.low)))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to run the function."""

    model: str
    concurrency: int

    def __str__(self) -> str:
        return self.model if self.model == "serial" else f"{self.model}, concurrency {self.concurrency}"


@dataclass(frozen=True, slots=True)
class Split:
    """Where the time of a call goes when nothing else runs; seconds per call, on average."""

    calls: int
    wall: float
    cpu: float
    """Of the thread that makes the call."""
    gil: Interval | None = None
    """Of `cpu`, what is spent holding the GIL: between these bounds. None: not measurable."""
    unknown: str = ""
    """Why it is not."""
    blocking: float = 0.0
    """Of `waiting`, what an async call does not await: its loop stands still, and no other call can run."""

    @property
    def kept(self) -> float:
        """What each call takes of its loop."""
        return self.cpu + self.blocking

    @property
    def waiting(self) -> float:
        """What is neither CPU nor, so it is taken, anything but waiting."""
        return max(0.0, self.wall - self.cpu)

    @property
    def free(self) -> float | None:
        """CPU without the GIL."""
        return None if self.gil is None else max(0.0, self.cpu - self.gil.middle)


@dataclass(frozen=True, slots=True)
class Row:
    """What the trials of one candidate came to."""

    candidate: Candidate
    rate: Interval
    """Items per second that succeeded: the median of the trials."""
    versus: Interval
    """The same as a multiple of the base's, by the median of the ratios within each round."""
    latency: float
    """Seconds per call: the mean of the trials' means."""
    p99: float
    memory: int | None
    """Bytes by which the process grew at most; None where the platform does not tell."""
    startup: float
    """Seconds until the first call started."""
    cores: float
    """Processors that this process kept busy, on average."""
    calls: int
    failed: int
    trials: tuple[float, ...]
    """Items per second of each trial, in the order of the rounds."""
    note: str = ""
    failure: str = ""
    """The most frequent kind of failure."""

    @property
    def dead(self) -> bool:
        """Whether all calls failed."""
        return 0 < self.calls <= self.failed


@dataclass(frozen=True, slots=True)
class Drawn:
    """The items that the advice rests on."""

    used: int
    """How many of the sample were called at all."""
    of: int
    """How many items there are; 0 if that is not known."""
    seed: int
    calls: int
    """Calls in all."""
    failed: int
    failures: tuple[str, ...] = ()
    """The kinds of failures, the most frequent first."""
    hung: int = 0
    """Trials that ended without a call that did not come back."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What was measured, what is recommended, and why."""

    name: str
    is_async: bool
    verdict: Verdict
    """`"clear"`: the interval of the ratio lies beyond 10 %, or all calls fail elsewhere; `"slight"`: it excludes 1,
    but not 10 %; `"too close to call"`: it lies within 10 %, or is narrow and includes 1; `"inconclusive"`: the budget
    was gone before it was."""
    model: str
    """What is recommended."""
    concurrency: int
    ratio: Interval
    """The best candidate's throughput as a multiple of that of the next model, or of one call at a time."""
    compared: tuple[Candidate, Candidate]
    """These two."""
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]
    not_measured: tuple[str, ...]
    excluded: tuple[str, ...]
    warnings: tuple[tuple[str, str], ...]
    """What makes the figures doubtful, each with a remedy."""
    use: str
    """The line to use."""
    rows: tuple[Row, ...]
    """The finalists, the fastest first."""
    split: Split
    curve: tuple[tuple[Candidate, float], ...]
    """The search for the knee: items per second in one trial each."""
    in_flight: float
    """Calls in flight that the best throughput takes, if each lasts as long as one alone: Little's law."""
    drawn: Drawn
    rounds: int
    seconds: float
    """How long it took."""
    budget: float
    machine: str

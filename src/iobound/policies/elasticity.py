"""What was measured at one limit, and what a comparison of two such measurements says."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.words.totals import Totals

LEAST_SPREAD, UNKNOWN_SPREAD = 0.02, 0.25
"""Of the logarithms of times: what it is taken to be at least, and where too few are known to tell."""
FEW = 8


class Window(NamedTuple):
    """One measurement."""

    limit: int
    succeeded: float
    """Calls that went well,"""
    seconds: float
    """in so many seconds."""
    latency: float
    """Of a call, in seconds: the geometric mean,"""
    spread: float
    """and the variance of its logarithm."""

    @classmethod
    def of(cls, limit: int, seconds: float, seen: Totals) -> Window:
        """What was seen in so many seconds."""
        return cls(limit, seen.succeeded, seconds, exp(seen.logs / seen.timed), spread_of(seen))

    @property
    def rate(self) -> float:
        """Calls that went well per second."""
        return self.succeeded / self.seconds

    def and_also(self, other: Window) -> Window:
        """Both as one measurement."""
        succeeded = self.succeeded + other.succeeded
        mine, theirs = self.succeeded / succeeded, other.succeeded / succeeded
        latency = self.latency**mine * other.latency**theirs
        spread = self.spread * mine + other.spread * theirs
        return Window(self.limit, succeeded, self.seconds + other.seconds, latency, spread)


class Phase(NamedTuple):
    """What measurements are made for, and how exact each must be."""

    judge: Callable[[Window], tuple[float, str]]
    """What follows from one: the limit to go on with, and why."""
    fewest: int
    """Calls."""
    exact: float
    """The standard deviation of the elasticity."""
    seconds: float = 0.0
    """That it lasts at least."""


def spread_of(seen: Totals) -> float:
    """The variance of the logarithms of times."""
    if seen.timed <= FEW:
        return UNKNOWN_SPREAD
    return max(LEAST_SPREAD, seen.squares / seen.timed - (seen.logs / seen.timed) ** 2)


def elasticity(low: Window, high: Window) -> float:
    """By how much throughput rose with the limit, both as logarithms."""
    return log(high.rate / low.rate) / _span(low, high)


def doubt(low: Window, high: Window) -> float:
    """The standard deviation of their elasticity, if calls do not depend on each other."""
    return sqrt(low.spread / low.succeeded + high.spread / high.succeeded) / _span(low, high)


def calls_for(exact: float, spread: float, ratio: float) -> float:
    """How many calls each of two windows needs whose limits have that ratio, for an elasticity as exact as that."""
    return 2 * spread / (exact * log(ratio)) ** 2


def _span(low: Window, high: Window) -> float:
    return log(max(1.01, high.limit / low.limit))

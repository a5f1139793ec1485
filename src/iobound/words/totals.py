"""What a run has counted so far, in numbers that can be subtracted: what adaptive limits look at."""

from __future__ import annotations

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums since the start of a run. The difference of two is what happened between two looks."""

    succeeded: float = 0.0
    """Attempts that returned a value."""
    timed: float = 0.0
    """Those of them whose times were taken; brief ones are a sample that counts for all."""
    logs: float = 0.0
    """Of their seconds: natural logarithms,"""
    squares: float = 0.0
    """their squares,"""
    seconds: float = 0.0
    """and the seconds themselves."""
    busy: float = 0.0
    """Seconds in flight, of all calls together."""

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Totals) -> Totals:
        return Totals(*(mine - theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

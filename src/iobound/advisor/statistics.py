"""What trials say: medians, bootstrap intervals, and the verdict on a ratio. Pure.

An interval is that of the median over trials, never over calls: calls of one trial share its cache, its server and its
moment, and thousands of them would make any difference look certain.
"""

from __future__ import annotations

import random
from statistics import median
from typing import TYPE_CHECKING

from iobound.words.findings import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iobound.words.findings import Verdict

RESAMPLES = 2_000
CONFIDENCE = 0.95
LEAST = 5
"""Fewer trials are no ground for a verdict: even from the least to the largest of four, the median is not among them
in one case of eight."""
MARGIN = 0.10
"""A difference that is worth a word: "clear" is one that is certainly larger."""
TIGHT = (1 + MARGIN) ** 2
"""An interval that reaches from 10 % below to 10 % above, or is as narrow, is narrow enough."""


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """The median, with its percentile bootstrap interval (Efron, 1979). The same values give the same interval.

    Example:
        >>> interval([9.0, 10.0, 10.0, 10.0, 12.0])
        Interval(low=9.0, middle=10.0, high=12.0)
    """
    if not values:
        raise ValueError("no trial, no interval")
    rng = random.Random(seed)  # noqa: S311 - resampling, no secret
    count = len(values)
    found = sorted(median(rng.choices(values, k=count)) for _ in range(RESAMPLES)) if count > 1 else list(values)
    tail = int(len(found) * (1 - CONFIDENCE) / 2)
    return Interval(found[tail], median(values), found[-1 - tail])


def ratio(ones: Sequence[float], others: Sequence[float]) -> Interval:
    """How many times the others the ones are, by pairs of the same round: drift and caches hit both alike.

    Example:
        >>> ratio([20.0, 22.0, 40.0], [10.0, 11.0, 20.0])
        Interval(low=2.0, middle=2.0, high=2.0)
    """
    pairs = [one / other for one, other in zip(ones, others, strict=True) if other > 0]
    return interval(pairs) if pairs else Interval(0.0, 1.0, float("inf"))


def judge(found: Interval, trials: int) -> Verdict:
    """What the interval of a ratio allows to be said. The same from either side: of a/b and of b/a.

    All of it beyond 10 %: clear. All of it within 10 %: too close to call, also if it excludes 1, for such a difference
    is worth nothing. Else, if it excludes 1: slight. If it does not, and is narrow: too close to call.

    Example:
        >>> [judge(Interval(low, 1.2, 1.4), trials=9) for low in (1.15, 1.05, 0.95)]
        ['clear', 'slight', 'inconclusive']
        >>> judge(Interval(0.97, 1.0, 1.04), trials=9)
        'too close to call'
    """
    if trials < LEAST:
        return "inconclusive"
    least, most = 1 / (1 + MARGIN), 1 + MARGIN
    if found.low > most or found.high < least:
        return "clear"
    if least <= found.low and found.high <= most:
        return "too close to call"
    if found.low > 1 or found.high < 1:
        return "slight"
    return "too close to call" if found.width <= TIGHT else "inconclusive"


def drift(values: Sequence[float]) -> float:
    """By what share the second half of the trials differs from the first; 0 if there are too few to tell.

    Example:
        >>> drift([10.0, 10.0, 10.0, 11.0, 11.0, 11.0])
        0.1
    """
    half = len(values) // 2
    if half < 2 or not (before := median(values[:half])):  # noqa: PLR2004 - one trial has no median of its own
        return 0.0
    return round(abs(median(values[-half:]) / before - 1), 6)

"""Windows of time: the most that started in any of them."""

from collections.abc import Sequence
from math import inf


def worst_window(starts: Sequence[float], burst: float, rate: float) -> float:
    """The most starts in any window, as a share of burst + rate * length: exactly, by Dinkelbach's method."""
    share = 0.0
    while True:
        excess, worse = 0.0, share
        least, first = inf, 0
        for last, end in enumerate(starts):
            if last - share * rate * end < least:
                least, first = last - share * rate * end, last
            over = last + 1 - share * rate * end - least - share * burst
            if over > excess:
                excess, worse = over, (last + 1 - first) / (burst + rate * (end - starts[first]))
        if worse <= share:
            return share
        share = worse

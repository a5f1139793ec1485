"""The throughput of a trial, without its beginning and its end. Pure."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

FULL = 0.9
"""The share of the most calls in flight from which on the places are said to be taken."""
DENSE = 1 / 3
"""The share of the most calls in flight that ran on average: calls so brief that they hardly overlap fill no places."""
LEAST = 0.25
"""The share of a trial that its middle must be, to be worth cutting out."""


class Span(NamedTuple):
    """One call: when it began and ended, in seconds, and whether it succeeded."""

    began: float
    ended: float
    ok: bool = True


def throughput(spans: Sequence[Span]) -> float:
    """Calls per second that succeeded, while all places were taken.

    Counted from when nine tenths of the most calls that ever ran at a time did until the last call starts, so that
    neither the start of the workers counts nor the time in which the last calls run alone. A call counts by the share
    of it that lay inside: calls that all take the same time end in waves, and a window would hold one more or less by
    chance.

    Example:
        >>> throughput([Span(second, second + 1) for second in range(10)])
        1.0
    """
    if not spans:
        return 0.0
    first, last = min(span.began for span in spans), max(span.ended for span in spans)
    opened, closed = middle(spans, last - first)
    if closed - opened < LEAST * (last - first):
        opened, closed = first, last
    if closed <= opened:
        return 0.0
    return sum(_inside(span, opened, closed) for span in spans if span.ok) / (closed - opened)


def middle(spans: Sequence[Span], elapsed: float) -> tuple[float, float]:
    """From when the places are taken until the last call starts; nothing, if they never are for long.

    Example:
        >>> middle([Span(0, 9), Span(1, 9), Span(5, 9), Span(10, 12)], elapsed=12)
        (5, 10)
    """
    events = sorted([(span.began, 1) for span in spans] + [(span.ended, -1) for span in spans])
    running = list(accumulate(step for _, step in events))
    most = max(running)
    if sum(span.ended - span.began for span in spans) < DENSE * most * elapsed:
        return 0.0, 0.0
    opened = next(moment for (moment, _), count in zip(events, running, strict=True) if count >= FULL * most)
    return opened, max(span.began for span in spans)


def _inside(span: Span, opened: float, closed: float) -> float:
    """The share of a call that lies between two moments."""
    length = span.ended - span.began
    if length <= 0:
        return float(opened < span.ended <= closed)
    return max(0.0, min(span.ended, closed) - max(span.began, opened)) / length


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of the values does not exceed; 0 if there are none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0

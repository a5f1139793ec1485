"""What a table is held to: bars, the interval of a figure, and the verdict."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, NamedTuple

RESAMPLES, CONFIDENCE = 4_000, 0.90

Sample = dict[str, Any]
"""One run of one program: its metrics (`cpu_us`, `wall_us`, ...) and `python`, the version it ran on."""
Relation = Literal["ratio", "difference"]


class Interval(NamedTuple):
    """A median with the ends of its bootstrap interval."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Bar:
    """A limit for `subject`: absolute, or (with `base`) relative to another program of its table."""

    subject: str
    metric: str
    limit: float
    base: str | None = None
    relation: Relation = "ratio"
    at_least: bool = False
    only: str = ""
    """The Python version it holds on, such as "3.11"; empty: on all."""

    @property
    def programs(self) -> set[str]:
        """The programs that must have run for this bar to be judged."""
        return {self.subject, self.base} if self.base else {self.subject}

    def value(self, samples: Mapping[str, Sample]) -> float:
        """What one round says about this bar."""
        mine = samples[self.subject][self.metric]
        return mine if self.base is None else relate(self.relation, mine, samples[self.base][self.metric])


def at_most(subject: str, limit: float, *metrics: str, only: str = "") -> list[Bar]:
    """`subject` needs at most `limit`, in units of the metric."""
    return [Bar(subject, metric, limit, only=only) for metric in metrics]


def at_most_times(subject: str, base: str, limit: float, *metrics: str) -> list[Bar]:
    """`subject` needs at most `limit` times what `base` needs."""
    return [Bar(subject, metric, limit, base) for metric in metrics]


def at_most_over(subject: str, base: str, limit: float, *metrics: str) -> list[Bar]:
    """`subject` needs at most `limit` more than `base`, in units of the metric."""
    return [Bar(subject, metric, limit, base, "difference") for metric in metrics]


def faster(subject: str, peer: str, limit: float, *metrics: str) -> list[Bar]:
    """`peer` needs at least `limit` times what `subject` needs."""
    return [Bar(peer, metric, limit, subject, at_least=True) for metric in metrics]


def relate(relation: Relation, mine: float, base: float) -> float:
    """`mine` seen from `base`."""
    return mine - base if relation == "difference" else mine / base


def bootstrap(values: list[float]) -> Interval:
    """The median and its 90 % bootstrap interval. Seeded: the same samples always give the same interval."""
    draw = random.Random(1)
    medians = sorted(median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    tail = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    return Interval(median(values), medians[tail], medians[-tail - 1])


def judge(found: Interval, bar: Bar, slack: float = 0.0) -> str:
    """Met: the whole interval is on the good side of the bar. Missed: the whole of it is on the bad side."""
    low, high, limit = found.low, found.high, bar.limit
    if bar.at_least:
        low, high, limit = -high, -low, -limit
    if high <= limit - slack:
        return "met"
    if low > limit + slack:
        return "missed"
    return "not claimed" if slack else "not shown"

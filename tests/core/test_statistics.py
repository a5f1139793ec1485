"""Bounded statistics: percentiles are right within 5 %, of many brief calls as of a few slow ones."""

from __future__ import annotations

from random import Random

import pytest

from iobound.core.statistics import Histogram, Tally, durations
from iobound.words.attempt import Attempt


def timed(spans: list[float]) -> Tally:
    """What a worker counts of attempts that took so long, each having waited ten times as long."""
    tally = Tally()
    for index, seconds in enumerate(spans):
        attempt = Attempt()
        attempt.index, attempt.pulled, attempt.started, attempt.duration = index, 100.0, 100.0 + 10 * seconds, seconds
        tally.time(attempt)
    return tally


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("slow", [0.0, 0.2, 0.7, 1.0])
def test_percentiles_of_brief_and_slow_calls_together(slow: float, seed: int) -> None:
    """Sampling the brief calls shifts no percentile by more than a bucket: the true one lies within 10 % nearby."""
    random = Random(seed)
    spans = [random.lognormvariate(0, 0.5) * (0.05 if random.random() < slow else 1e-4) for _ in range(40_000)]
    tally = timed(spans)
    for histogram, scale in ((tally.running, 1), (tally.waiting, 10)):
        for percent in (10, 50, 90, 99):
            rank = len(spans) * percent // 100
            near = [scale * sorted(spans)[max(0, min(len(spans) - 1, rank + shift))] for shift in (-400, 400)]
            assert 0.94 * near[0] <= histogram.percentile(percent) <= 1.06 * near[1], (percent, scale)


def test_a_small_run_is_counted_whole() -> None:
    """Nineteen brief calls and a slow one: the median is that of the brief."""
    running = durations(timed([0.5, *[2e-4] * 19]).running)
    assert running.p50 == pytest.approx(2e-4, rel=0.05)
    assert running.longest == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("seconds", [1e-5, 1e-3, 1.0, 3600.0, 1e9])
def test_a_percentile_is_off_by_less_than_five_percent(seconds: float) -> None:
    """From 10 us to decades; below, buckets are 90 ns wide."""
    histogram = Histogram()
    histogram.add(seconds)
    assert histogram.percentile(50) == pytest.approx(seconds, rel=0.05)


def test_no_duration_no_percentile() -> None:
    """An empty histogram says zero; a clock that went back counts as none."""
    assert Histogram().percentile(50) == 0.0
    histogram = Histogram()
    histogram.add(-1.0)
    assert histogram.percentile(50) < 1e-6

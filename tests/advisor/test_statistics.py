"""Intervals and verdicts, on numbers that were made up."""

from __future__ import annotations

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobound.advisor.statistics import LEAST, MARGIN, TIGHT, drift, interval, judge, ratio
from iobound.words.findings import Interval

rates = st.floats(0.01, 1e6)
several = st.lists(rates, min_size=1, max_size=12)


@given(several)
def test_the_median_lies_in_its_interval_and_the_interval_among_the_values(values):
    found = interval(values)
    assert min(values) <= found.low <= found.middle <= found.high <= max(values)
    assert found.middle == median(values)


@given(several, st.integers())
def test_the_same_values_give_the_same_interval(values, seed):
    assert interval(values, seed) == interval(values, seed)


@given(rates, st.integers(1, 12))
def test_values_without_spread_have_no_width(value, count):
    assert interval([value] * count) == Interval(value, value, value)


def test_no_trial_has_no_interval():
    with pytest.raises(ValueError, match="no trial"):
        interval([])


def test_the_interval_covers_the_median_of_the_population():
    """In about 95 of 100 studies of nine trials each; 85 would be far below what chance allows."""
    rng = random.Random(3)
    studies = [[rng.lognormvariate(0, 0.3) for _ in range(9)] for _ in range(200)]
    covered = sum(found.low <= 1.0 <= found.high for found in map(interval, studies))
    assert covered >= 170


def test_pairs_of_a_round_take_the_drift_out():
    """A machine that became half as fast in mid-trial says as much about the ratio as one that did not."""
    base = [100.0, 100.0, 100.0, 50.0, 50.0, 50.0]
    assert ratio([2 * each for each in base], base) == Interval(2.0, 2.0, 2.0)


def test_a_base_that_never_succeeded_leaves_the_ratio_open():
    found = ratio([1.0, 2.0], [0.0, 0.0])
    assert judge(found, trials=9) == "inconclusive"


bounds = st.tuples(st.floats(0.1, 10), st.floats(1, 3)).map(lambda pair: Interval(pair[0], pair[0], pair[0] * pair[1]))


@given(bounds, st.integers(LEAST, 30))
def test_the_verdict_is_the_same_from_either_side(found, trials):
    edges = [1.0, 1 + MARGIN, 1 / (1 + MARGIN), TIGHT]
    if any(abs(each - edge) < 1e-9 for each in (found.low, found.high, found.width) for edge in edges):
        return
    assert judge(found, trials) == judge(found.inverse(), trials)


@given(bounds)
def test_clear_means_more_than_a_tenth_on_one_side_and_too_close_that_one_is_inside(found):
    verdict = judge(found, trials=9)
    beyond = found.low > 1 + MARGIN or found.high < 1 / (1 + MARGIN)
    assert (verdict == "clear") == beyond
    if verdict == "inconclusive":
        assert found.low <= 1 <= found.high
    if verdict == "slight":
        assert not found.low <= 1 <= found.high
    if verdict == "too close to call":
        assert found.width <= TIGHT


@pytest.mark.parametrize(
    "low, high, verdict",
    [
        (1.11, 1.3, "clear"),
        (0.5, 0.9, "clear"),
        (1.10, 1.3, "slight"),
        (1.001, 1.2, "slight"),
        (0.85, 0.99, "slight"),
        (1.02, 1.09, "too close to call"),
        (0.92, 0.99, "too close to call"),
        (0.95, 1.05, "too close to call"),
        (0.99, 1.15, "too close to call"),
        (0.88, 1.16, "inconclusive"),
        (0.2, 60.0, "inconclusive"),
    ],
)
def test_verdicts(low, high, verdict):
    assert judge(Interval(low, (low + high) / 2, high), trials=9) == verdict


def test_few_trials_are_no_ground_for_a_verdict():
    assert judge(Interval(20.0, 25.0, 30.0), trials=LEAST - 1) == "inconclusive"
    assert judge(Interval(20.0, 25.0, 30.0), trials=LEAST) == "clear"


def test_equal_candidates_are_hardly_ever_called_clear():
    """Of 200 comparisons of one noisy thing with itself."""
    rng = random.Random(11)
    verdicts = []
    for _ in range(200):
        one, other = ([rng.gauss(100, 5) for _ in range(9)] for _ in range(2))
        verdicts.append(judge(ratio(one, other), 9))
    assert verdicts.count("clear") == 0
    assert verdicts.count("too close to call") > 150


def test_drift_is_told_from_noise():
    assert drift([100.0] * 5 + [80.0] * 5) == pytest.approx(0.2)
    assert drift([100.0, 90.0, 110.0, 100.0, 90.0, 110.0]) == pytest.approx(0.0, abs=0.11)
    assert drift([100.0, 1.0]) == 0.0

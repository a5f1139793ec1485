"""Throughput without beginning and end, of calls whose throughput is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobound.advisor.steady import Span, percentile, throughput


def calls(places, count, length, ramp=0.0):
    """`places` workers, each `ramp` seconds later than the one before, make calls one after the other."""
    free = [worker * ramp for worker in range(places)]
    spans = []
    for _ in range(count):
        worker = min(range(places), key=free.__getitem__)
        spans.append(Span(free[worker], free[worker] + length))
        free[worker] += length
    return spans


@given(places=st.integers(1, 40), waves=st.integers(4, 12), length=st.floats(0.001, 10))
def test_waves_of_equal_calls_are_counted_exactly(places, waves, length):
    assert throughput(calls(places, places * waves, length)) == pytest.approx(places / length, rel=1e-6)


@given(places=st.integers(2, 40), cut=st.integers(0, 39))
def test_an_unfinished_wave_is_no_error(places, cut):
    assert throughput(calls(places, 8 * places + cut % places, 1.0)) == pytest.approx(places, rel=0.03)


def test_workers_that_start_late_do_not_count():
    spans = calls(100, 1_500, 1.0, ramp=0.01)
    whole = len(spans) / max(span.ended for span in spans)
    assert whole < 95
    assert throughput(spans) == pytest.approx(100, rel=0.05)


def test_failed_calls_are_no_throughput():
    spans = [span._replace(ok=at % 4 != 0) for at, span in enumerate(calls(1, 41, 1.0))]
    assert throughput(spans) == pytest.approx(0.75, rel=0.05)


def test_brief_calls_count_as_a_whole():
    """Two of them that happen to overlap do not make a window."""
    spans = [Span(at * 1.0, at + 1e-6) for at in range(100)]
    spans += [Span(60.0000001, 60.0000005)]
    assert throughput(spans) == pytest.approx(101 / 99, rel=1e-3)


def test_nothing_and_one_call():
    assert throughput([]) == 0.0
    assert throughput([Span(3.0, 3.0)]) == 0.0
    assert throughput([Span(3.0, 5.0)]) == 0.5


def test_percentile():
    assert percentile([], 0.99) == 0.0
    assert percentile(list(range(200)), 0.99) == 198
    assert percentile([4.0], 0.99) == 4.0

"""Where the time of a call goes, and the readings of the GIL behind it."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iobound.advisor.bench import Bench
from iobound.advisor.split import PROBES, bounds, first_pass, unmeasurable, vague, with_gil
from iobound.signals.gil import Held, held_by
from iobound.signals.load import Others
from iobound.signals.machine import examine
from iobound.words.findings import Interval, Split

MACHINE = replace(examine(), gil=True, allowed_cpus=2.0)
CALLS = Split(10, wall=0.001, cpu=0.0005)


def spin(_item):
    for _ in range(20_000):
        pass


def nap(_item):
    time.sleep(0.002)


@pytest.mark.parametrize(
    "machine, split, told",
    [
        (replace(MACHINE, allowed_cpus=1.0), CALLS, "not measurable here: it takes two processors"),
        (replace(MACHINE, gil=False), CALLS, "this Python has no GIL"),
        (MACHINE, replace(CALLS, wall=0.6), "not measured: the calls are too long for the budget"),
        (MACHINE, CALLS, ""),
    ],
)
def test_why_it_cannot_be_measured(machine, split, told):
    assert unmeasurable(split, 1.0, machine) == told


def test_where_it_cannot_be_measured_nothing_is_called():
    bench = Bench(spin, [1])
    found = with_gil(bench, [1], CALLS, 1.0, replace(MACHINE, allowed_cpus=1.0))
    assert (found.gil, found.free, bench.calls) == (None, None, 0)
    assert found.unknown.startswith("not measurable here")


probes = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted).map(lambda pair: Held(*pair)), min_size=2)


@given(probes, st.integers(1, 100), st.floats(1e-6, 1))
def test_the_bounds_are_in_order_and_never_beyond_the_cpu_time(found, calls, cpu):
    told = bounds(found, calls, cpu)
    assert 0 <= told.low <= told.middle <= told.high <= cpu


def test_one_disturbed_probe_does_not_move_the_bounds():
    quiet = [Held(0.010, 0.011)] * (PROBES - 1)
    assert bounds([*quiet, Held(0.0, 0.5)], 10, 1.0) == bounds([*quiet, Held(0.010, 0.011)], 10, 1.0)


def test_bounds_that_lie_far_apart_say_nothing():
    assert vague(Interval(0.0, 0.3, 0.6), cpu=1.0)
    assert not vague(Interval(0.4, 0.5, 0.6), cpu=1.0)
    assert not vague(Interval(0.0, 1e-5, 2e-5), cpu=2e-5)


def test_a_call_that_only_waits_uses_no_cpu():
    bench = Bench(nap, range(10))
    split = first_pass(bench, range(10), least=0.01, most=5.0)
    assert split.wall >= 0.002
    assert split.cpu < split.wall / 2
    assert split.calls == bench.calls - 1  # the first one pays for what is imported


def test_brief_calls_are_repeated_and_failing_ones_are_not():
    bench = Bench(len, ["a"] * 10)
    first_pass(bench, bench.items, least=0.02, most=5.0)
    assert bench.calls > 100
    broken = Bench(int, ["a"] * 10)
    first_pass(broken, broken.items, least=0.02, most=5.0)
    assert broken.calls == 10


def test_sleep_never_holds_the_gil_longer_than_it_lasts():
    held = held_by(lambda: time.sleep(0.05))
    assert 0 <= held.least <= held.most


def test_the_rival_gives_everything_back():
    interval, before = sys.getswitchinterval(), threading.active_count()
    with pytest.raises(ZeroDivisionError):
        held_by(lambda: 1 / 0)
    assert sys.getswitchinterval() == interval
    assert threading.active_count() == before


def test_what_computes_takes_the_gil_from_its_rival():
    """The upper bound holds on any machine: the rival cannot have had it meanwhile."""
    assert held_by(lambda: [spin(each) for each in range(40)]).most > 0.002


def test_the_load_of_others_is_a_number_where_it_is_told():
    others = Others()
    time.sleep(0.02)
    found = others.cores()
    assert found is None or found >= 0

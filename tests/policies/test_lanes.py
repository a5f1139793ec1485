"""How many workers make brief calls: the rule on made-up machines, by what it is told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from iobound.policies.lanes import CALLS, LONGEST_REST, Lanes
from iobound.words.clock import FOREVER
from iobound.words.totals import Totals

Machine = Callable[[float], float]
"""Throughput, by the number of workers; 0 is the consumer itself."""


def alone(workers: float) -> float:
    """Whoever makes a call holds the interpreter: others only get in the way."""
    return 200_000 if not workers else 60_000 / workers


def two_cores(workers: float) -> float:
    """Calls compute without the interpreter lock."""
    return 30_000 * min(2, max(1, workers))


def near(workers: float) -> float:
    """Calls wait for a neighbour, who serves sixteen at a time."""
    return 5_000 * min(16, max(1, workers))


class Played:
    """A run of the rule, looked at every 5 ms."""

    def __init__(self, *, consumer: bool = True) -> None:
        self.lanes = Lanes(300e-6, consumer=consumer, brief=True)
        self.now, self.totals = 0.0, Totals()

    def play(
        self, machine: Machine, seconds: float, most: int = 64, call: float = 1e-5, beside: float = 0.0
    ) -> dict[float, float]:
        """The share of the time that each number of workers had. `beside`: what a call takes beside others."""
        end, shares = self.now + seconds, dict[float, float]()
        while self.now < end:
            if self.lanes.brief:
                self.lanes.look(self.now, self.totals, most)
            calls = machine(min(most, self.lanes.number)) * 0.005
            seconds_each = beside or call if self.lanes.number > 1 else call
            self.totals += Totals(succeeded=calls, timed=calls, seconds=calls * seconds_each)
            shares[self.lanes.number] = shares.get(self.lanes.number, 0.0) + 0.005 / seconds
            self.now += 0.005
        return shares


@pytest.mark.parametrize("consumer", [True, False])
@pytest.mark.parametrize("machine, best", [(alone, 0), (two_cores, 2), (near, 16)])
def test_the_best_number_has_nearly_all_the_time(machine: Machine, best: int, consumer: bool) -> None:
    shares = Played(consumer=consumer).play(machine, 20.0)
    assert shares[best if consumer else max(1, best)] > 0.9


def test_what_was_tried_in_vain_is_tried_less_and_less() -> None:
    trials: list[float] = []

    def machine(workers: float) -> float:
        trials.append(workers)
        return alone(workers)

    Played().play(machine, 60.0)
    tried = [at * 0.005 for at, (before, after) in enumerate(pairwise(trials)) if (before, after) == (0, 2)]
    rests = [later - earlier for earlier, later in pairwise(tried)]
    assert all(later > earlier - 0.1 for earlier, later in pairwise(rests))
    assert rests[-1] == pytest.approx(LONGEST_REST, abs=0.1)


def test_work_that_changes_is_seen() -> None:
    played = Played()
    played.play(alone, 30.0)
    assert played.play(near, 5.0)[16] > 0.9
    assert played.play(alone, 5.0)[0] > 0.9


def test_no_more_are_tried_than_the_limit_lets() -> None:
    assert max(Played().play(near, 5.0, most=5)) == 5


def test_calls_that_make_each_other_long_go_back_to_where_they_are_brief() -> None:
    """As large reads do, which fight for memory: who looked only at how long they take would leave them to many."""
    played = Played()
    played.lanes.double(64), played.lanes.double(64)
    assert played.lanes.number == 4
    assert played.play(alone, 3.0, beside=2e-3)[0] > 0.9


@pytest.mark.parametrize("machine, best", [(alone, 0), (near, FOREVER)])
def test_where_some_are_brief_the_fewest_are_tried_now_and_then(machine: Machine, best: float) -> None:
    """Among many, who are in each other's way (or not)."""
    played = Played()
    lanes = played.lanes
    lanes.wait()
    trials, shares = 0, 0.0
    while played.now < 30.0:
        if not lanes.brief:
            trials += lanes.doubt(played.now, played.totals)
        shares += played.play(machine, 0.005, beside=2e-3).get(best, 0.0)
    assert 1 <= trials <= 10
    assert shares * 0.005 > 0.9 * 30.0


def test_a_trial_in_which_nothing_ends_is_over_soon() -> None:
    lanes = Lanes(300e-6, consumer=True, brief=False)
    assert not lanes.doubt(0.0, Totals())
    assert lanes.doubt(1.0, Totals(succeeded=1000.0))
    assert lanes.number == 0
    assert not lanes.look(1.0, Totals(succeeded=1000.0), 64)
    assert lanes.look(1.04, Totals(succeeded=1001.0), 64)
    assert lanes.number == FOREVER
    assert lanes.doubt(2.0, Totals(succeeded=2000.0)) is lanes.doubt(2.1, Totals(succeeded=2100.0)) is False
    assert lanes.doubt(2.3, Totals(succeeded=2300.0))
    lanes.double(64)  # or whoever tries it is stuck
    assert lanes.number == FOREVER


def test_after_calls_that_lasted_fewer_are_tried_from_where_it_stands() -> None:
    played = Played()
    for _ in range(3):
        played.lanes.double(64)
    shares = played.play(near, 0.1)
    assert 0 not in shares
    assert shares[8] + shares.get(16, 0.0) > 0.5


def test_calls_that_take_long_are_left_to_the_limit() -> None:
    played = Played()
    played.play(near, 1.0)
    played.play(near, 1.0, call=2e-3)
    lanes = played.lanes
    assert not lanes.brief
    assert lanes.number == FOREVER
    lanes.hurry()
    assert lanes.brief
    assert lanes.number == 0


def test_few_calls_tell_nothing() -> None:
    lanes = Played().lanes
    lanes.look(0.0, Totals(), 64)
    assert not lanes.look(60.0, Totals(succeeded=CALLS - 1, timed=CALLS - 1), 64)
    assert lanes.number == 1

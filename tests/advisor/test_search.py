"""The search for the knee and the rounds of the finalists, over throughputs that were made up."""

from __future__ import annotations

import random

import pytest
from figures import SERIAL, around, threads, trial
from hypothesis import given
from hypothesis import strategies as st

from iobound.advisor.rounds import LOOKS, challenger, play, settled
from iobound.advisor.search import doubled, finalists, knee


def search(rate_of, most=256, base=10.0, budget=1_000):
    """What the search tries, where throughput is this function of concurrency."""
    asked = []

    def measure(candidate, expected):
        if len(asked) >= budget:
            return None
        asked.append(candidate.concurrency)
        return trial(rate_of(candidate.concurrency))

    curve = doubled("threads", most, (SERIAL, trial(base)), measure)
    return [candidate.concurrency for candidate, _ in curve], asked


def test_it_doubles_as_long_as_throughput_rises():
    assert search(lambda places: 10.0 * places) == ([1, 2, 4, 8, 16, 32, 64, 128, 256],) * 1 + (
        [2, 4, 8, 16, 32, 64, 128, 256],
    )


def test_it_stops_two_doublings_after_the_knee():
    levels, asked = search(lambda places: 10.0 * min(places, 8))
    assert levels == [1, 2, 4, 8, 16, 32]
    assert asked == [2, 4, 8, 16, 16, 32, 32]  # what shows no rise is tried twice


def test_one_disturbed_trial_does_not_end_it():
    disturbed = iter([20.0, 40.0, 1.0, 80.0, 160.0])
    levels, asked = search(lambda _places: next(disturbed, 160.0), most=16)
    assert levels == [1, 2, 4, 8, 16]
    assert asked == [2, 4, 8, 8, 16]


def test_the_largest_concurrency_need_be_no_power_of_two():
    assert search(lambda places: 10.0 * places, most=20)[0] == [1, 2, 4, 8, 16, 20]
    assert search(lambda places: 10.0 * places, most=1)[0] == [1]


def test_it_ends_with_its_time():
    assert search(lambda places: 10.0 * places, budget=3)[0] == [1, 2, 4, 8]


def test_it_ends_where_the_other_side_begins_to_refuse():
    def measure(candidate, expected):
        return trial(10.0 * candidate.concurrency, failed=20 if candidate.concurrency > 8 else 0)

    curve = doubled("threads", 256, (SERIAL, trial(10.0)), measure)
    assert [candidate.concurrency for candidate, _ in curve] == [1, 2, 4, 8, 16]


@given(st.dictionaries(st.integers(1, 256), st.floats(0.1, 1e6), min_size=1))
def test_the_knee_is_the_smallest_within_a_twentieth_of_the_best(rates):
    found = knee(rates)
    assert rates[found] >= 0.95 * max(rates.values())
    assert all(rates[each] < 0.95 * max(rates.values()) for each in rates if each < found)


@pytest.mark.parametrize(
    "rates, chosen",
    [
        ({1: 10, 2: 20, 4: 40, 8: 80, 16: 81, 32: 80}, [8, 16, 4]),
        ({1: 10, 2: 10, 4: 10}, [2]),
        ({1: 10, 2: 20, 4: 20}, [2, 4]),
        ({1: 10}, []),
    ],
)
def test_finalists_are_the_base_and_what_is_around_the_knee(rates, chosen):
    curve = [(SERIAL if each == 1 else threads(each), trial(rate)) for each, rate in rates.items()]
    assert finalists(curve, most=256) == [SERIAL, *map(threads, chosen)]


def test_nothing_beyond_the_largest_is_a_finalist():
    curve = [(SERIAL, trial(10.0)), (threads(2), trial(20.0)), (threads(4), trial(40.0))]
    assert finalists(curve, most=4) == [SERIAL, threads(4), threads(2)]


def played(rates, seconds=1e9):
    """The order of trials, and the trials, of finalists with these throughputs."""
    rng, order = random.Random(5), []

    def measure(candidate, number):
        order.append((number, candidate))
        return trial(rates[candidate](number), seconds=1.0)

    trials = play(list(rates), measure, random.Random(0), lambda took: len(order) + took <= seconds)
    assert rng
    return order, trials


def test_every_round_has_one_trial_of_each_in_an_order_of_its_own():
    rates = {SERIAL: lambda _: 10.0, threads(2): lambda _: 20.0, threads(4): lambda _: 20.0}
    order, trials = played(rates)
    rounds = [[each for at, each in order if at == number] for number in range(1, LOOKS[0] + 1)]
    assert all(sorted(map(str, one)) == sorted(map(str, rates)) for one in rounds)
    assert len({tuple(map(str, one)) for one in rounds}) > 1
    assert {len(several) for several in trials.values()} == {LOOKS[0]}  # narrow at the first look


def test_noise_takes_more_rounds_and_at_last_no_more():
    rng = random.Random(1)
    order, _ = played({SERIAL: lambda _: 10.0, threads(2): lambda _: 10.0 * rng.choice([0.5, 1.0, 2.0])})
    assert max(number for number, _ in order) == LOOKS[-1]


def test_rounds_end_with_their_time():
    order, trials = played({SERIAL: lambda _: 10.0, threads(2): lambda _: 20.0}, seconds=9)
    assert len(order) == 8
    assert len(trials[SERIAL]) == 4


def test_a_round_without_time_for_all_does_not_count():
    trials = play([SERIAL, threads(2)], no_time_after(5), random.Random(0), lambda _took: True)
    assert [len(several) for several in trials.values()] == [2, 2]
    trials = play([SERIAL, threads(2)], no_time_after(1), random.Random(0), lambda _took: True)
    assert list(trials.values()) == [[], []]


def no_time_after(count):
    """Makes so many trials."""
    made = iter([trial(10.0)] * count)
    return lambda _candidate, _number: next(made, None)


def test_what_never_succeeds_needs_no_more_rounds():
    order, _ = played({SERIAL: lambda _: 10.0, threads(2): lambda _: 0.0})
    assert max(number for number, _ in order) == LOOKS[0]


def test_what_is_obvious_needs_no_narrow_interval():
    trials = {SERIAL: list(map(trial, around(10))), threads(32): list(map(trial, around(200, spread=0.15)))}
    assert settled(trials, SERIAL)
    assert not settled({SERIAL: trials[SERIAL], threads(2): list(map(trial, around(11, spread=0.3)))}, SERIAL)


def test_the_challenger_is_at_the_knee_of_the_medians():
    trials = {SERIAL: [trial(10)], threads(8): [trial(50)], threads(16): [trial(98)], threads(32): [trial(100)]}
    assert challenger(trials, SERIAL) == threads(16)

"""The search, and the figures about regret."""

from __future__ import annotations

import pytest

from oracle import BARS, Candidate, best_of, candidate, candidates, halve, resampled, together, verdicts


def test_the_field_is_the_models_of_this_process_by_powers_of_two():
    assert [str(each) for each in candidates(asynchronous=False)][:4] == [
        "serial",
        "threads 1",
        "threads 2",
        "threads 4",
    ]
    assert [each.concurrency for each in candidates(asynchronous=True)] == [1, 2, 4, 8, 16, 32, 64, 128, 256]


def test_a_candidate_is_found_by_its_name():
    assert all(candidate(str(each)) == each for each in candidates(asynchronous=False))


def test_the_search_halves_the_field_and_doubles_the_time():
    asked = []

    def trial(each, seconds):
        asked.append((each.concurrency, seconds))
        return -abs(each.concurrency - 16)

    found = halve(candidates(asynchronous=True), trial, 0.5)
    assert [each.concurrency for each, _ in found] == [16, 8]
    assert [sum(seconds == length for _, seconds in asked) for length in (0.5, 1.0, 2.0, 4.0)] == [9, 5, 3, 0]


@pytest.mark.parametrize("size", range(1, 11))
def test_the_search_ends_with_the_two_best_whatever_the_size(size):
    field = [Candidate("threads", number) for number in range(size)]
    found = halve(field, lambda each, _: each.concurrency, 1.0)
    assert found == [(each, each.concurrency) for each in reversed(field)][:2]


def test_of_equals_the_one_with_less_concurrency_wins():
    found = halve(candidates(asynchronous=False), lambda *_: 1.0, 1.0)
    assert [str(each) for each, _ in found] == ["serial", "threads 1"]


def test_work_that_changes_is_as_fast_as_its_halves_in_turn():
    assert together([1200.0]) == pytest.approx(1200)
    assert together([1200.0, 300.0]) == pytest.approx(480)
    assert together([1200.0, 0.0]) == 0


def test_the_oracle_is_chosen_by_its_median_not_by_its_luckiest_round():
    assert best_of({"steady": [10.0, 10.0, 10.0], "lucky": [9.0, 9.0, 30.0]}) == "steady"


def test_a_figure_of_rounds_that_agree_has_no_width():
    assert resampled([[0.5] * 5, [0.8] * 5], min) == (0.5, 0.5, 0.5)


def test_a_figure_of_rounds_that_differ_lies_within_its_interval():
    found = resampled([[0.7, 0.8, 0.9, 1.0, 1.1], [0.95] * 5], min)
    assert (found.low, found.median, found.high) == (0.7, 0.9, 0.95)


@pytest.mark.parametrize(
    "ratios, verdict",
    [([1.0] * 5, "met"), ([0.5] * 5, "missed"), ([0.6, 0.7, 0.9, 0.99, 1.0], "not shown")],
)
def test_a_bar_is_met_or_missed_by_the_whole_interval(ratios, verdict):
    lines = verdicts({"whole": [ratios], "second": [ratios]})
    assert [limit for _, limit, _, _ in lines] == list(BARS.values())
    assert {said for *_, said in lines} == {verdict}


def test_the_mean_is_geometric_and_the_worst_is_the_least():
    lines = {text: found.median for text, _, found, _ in verdicts({"whole": [[0.5], [2.0]], "second": [[0.9], [0.4]]})}
    assert lines["whole run, geometric mean"] == pytest.approx(1)
    assert lines["second half, worst"] == pytest.approx(0.4)

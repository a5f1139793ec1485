"""Which items, how long, and whom it may hurt."""

from __future__ import annotations

from functools import partial
from itertools import count

import pytest

from iobound.advisor.sample import MOST_READ, destructive_word, drawn, seconds_of


@pytest.mark.parametrize(
    "budget, seconds", [(60, 60.0), (0.5, 0.5), ("60s", 60.0), ("2 m", 120.0), ("1.5min", 90.0), ("90", 90.0)]
)
def test_budgets(budget, seconds):
    assert seconds_of(budget) == seconds


@pytest.mark.parametrize("budget", ["soon", "", "-5s", "0s", "5 years", 0, -1, float("nan"), float("inf"), None, True])
def test_what_is_no_budget_is_refused_with_a_hint(budget):
    with pytest.raises((ValueError, TypeError), match="budget=") as caught:
        seconds_of(budget)
    assert caught.value.__notes__ == ["hint: budget takes seconds, more than 0, or text such as '60s' or '2m'"]


def test_a_sample_is_drawn_at_random_and_again_the_same_with_the_same_seed():
    first, known = drawn(range(1_000), 40, seed=1)
    assert known == 1_000
    assert len({*first}) == 40
    assert drawn(range(1_000), 40, seed=1)[0] == first != drawn(range(1_000), 40, seed=2)[0]
    assert max(first) > 500


def test_of_few_items_all_are_taken():
    assert sorted(drawn(iter("abc"), 40, seed=0)[0]) == ["a", "b", "c"]


def test_an_endless_source_is_read_so_far_and_its_length_is_not_known():
    source = count()
    assert drawn(source, 3, seed=0)[1] == 0
    assert next(source) == MOST_READ + 1


def test_no_items():
    with pytest.raises(ValueError, match="items is empty"):
        drawn([], 40, seed=0)


class Mailer:
    def send(self, item): ...
    def fetch(self, item): ...


class PayClient:
    def __call__(self, item): ...


def delete_user(item): ...


def sender(item): ...


def postpone(item): ...


def updateRow(item): ...  # noqa: N802 - as others write names


def HTTPPost(item): ...  # noqa: N802


@pytest.mark.parametrize(
    "fn, word",
    [
        (delete_user, "delete"),
        (updateRow, "update"),
        (HTTPPost, "post"),
        (Mailer().send, "send"),
        (PayClient(), "pay"),
        (partial(partial(delete_user)), "delete"),
        (Mailer().fetch, ""),
        (sender, ""),
        (postpone, ""),
        (len, ""),
        (lambda item: item, ""),
    ],
)
def test_words_of_names(fn, word):
    assert destructive_word(fn) == word

"""Rates: what they are written as, and promise 12 for a queue of costs, cancels, corrections and stalls."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger import Ledger

import iobound
from iobound import Rate
from iobound.policies.queue import Queue
from iobound.policies.rate import SECOND, SLACK, Bucket, moment
from iobound.words.attempt import Attempt
from iobound.words.clock import FOREVER


def attempt(cost: float = 1) -> Attempt:
    made = Attempt()
    made.cost = cost
    return made


@pytest.mark.parametrize(
    "told, limit, per",
    [
        ("100/s", 100, 1),
        ("500/min", 500, 60),
        ("1_000/h", 1000, 3600),
        ("1,000/hours", 1000, 3600),
        ("3/10s", 3, 10),
        ("0.5/sec", 0.5, 1),
        ("10 / 2 minutes", 10, 120),
        ("5/day", 5, 86400),
    ],
)
def test_a_rate_is_read_as_people_write_it(told: str, limit: float, per: float) -> None:
    assert Rate.of(told) == Rate(limit, per)


def test_a_rate_is_read_as_it_is_written() -> None:
    """With its unit, too."""
    for rate in (Rate(60_000, per=60, unit="tokens"), Rate(3, per=10), Rate(0.5, per=3600, unit="pages")):
        assert Rate.of(str(rate)) == rate


@pytest.mark.parametrize("told", ["", "100", "100/", "/s", "x/s", "100/fortnight", "0/s", "5/0s", "-1/s", "1e3/s"])
def test_what_is_no_rate_is_refused_with_a_hint(told: str) -> None:
    with pytest.raises(ValueError, match="rate") as caught:
        Rate.of(told)
    assert "hint" in caught.value.__notes__[0]


@pytest.mark.parametrize("told", [None, 100, 3.5, True, b"1/s"])
def test_what_is_not_even_text_is_a_type_error(told: Any) -> None:
    with pytest.raises(TypeError, match="no rate"):
        Rate.of(told)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"limit": limit} for limit in (0, -1, 1e-300, float("nan"), FOREVER, "9", True)),
        *(
            {"limit": 1, name: value}
            for name, value in (("per", 0), ("burst", 0), ("cost", -1), ("cost", True), ("unit", "two words"))
        ),
    ],
)
def test_a_rate_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not valid"):
        Rate(**wrong)


def test_the_bounds_of_a_limit_are_told() -> None:
    with pytest.raises(ValueError, match="limit=1e-300") as caught:
        Rate(1e-300)
    assert "from 1e-09 to 1e+18" in caught.value.__notes__[0]


def test_a_rate_may_cost_nothing_but_never_wait_for_its_cost() -> None:
    assert Bucket(Rate(10, cost=0)).charge(attempt()) == 0

    async def cost(item: object) -> float:
        return 1

    with pytest.raises(TypeError, match="cost= is an async function"):
        Rate(10, cost=cost)  # type: ignore[arg-type]


def test_a_rate_reads_as_it_is_written() -> None:
    assert [str(Rate.of(told)) for told in ("100/s", "500/min", "3/10s")] == ["100/s", "500/min", "3/10s"]
    assert str(Rate(60_000, per=60, unit="tokens")) == "60000 tokens/min"


def test_the_default_burst_is_what_comes_in_50_ms_and_at_least_one() -> None:
    assert Bucket(Rate(1000)).depth == SECOND // 20
    assert Bucket(Rate(1)).depth == SECOND


@given(st.integers(0, 10**18))
def test_a_moment_is_the_first_float_that_is_late_enough(nanoseconds: int) -> None:
    at = moment(nanoseconds)
    assert int(at * SECOND) >= nanoseconds
    assert at - nanoseconds / SECOND <= 1e-6 * max(1.0, at * 1e-9)


def test_a_cost_above_a_whole_period_is_an_error_at_once() -> None:
    gate = Queue(Bucket(Rate(10, per=60)), "rate")
    with pytest.raises(ValueError, match="can never pass the rate 10/min"):
        gate.request(attempt(11), 0.0, lambda: None)
    assert not gate.places


@pytest.mark.parametrize("rate", [{"limit": 10, "cost": 11}, {"limit": 10, "burst": 20, "cost": 20.5}])
def test_a_cost_of_its_own_that_can_never_pass_is_refused_where_it_is_written(rate: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="can never pass the rate"):
        Rate(**rate)
    assert Rate(10, burst=20, cost=20).cost == 20


@pytest.mark.parametrize("cost", [-1, float("nan"), FOREVER, "2", None, True])
def test_what_is_no_cost_is_an_error(cost: Any) -> None:
    with pytest.raises(ValueError, match=r"is no number|can never pass"):
        Bucket(Rate(10, cost=None)).charge(attempt(cost))


def soon(at: float) -> Any:
    """At that time, or as much later as a bucket lets whoever waits for it sleep on."""
    return pytest.approx(at + SLACK / SECOND / 2, abs=SLACK / SECOND / 2 + 1e-9)


def test_one_awakening_serves_what_comes_within_the_slack_but_nothing_is_lost_for_it() -> None:
    gate = Queue(Bucket(Rate(1000)), "rate")
    now, awakenings, taken = 0.0, 0, 0
    while now < 10.0:
        if gate.enter(attempt(), now) is None:
            place = gate.request(attempt(), now, lambda: None)
            now, awakenings = place.opens_at, awakenings + 1
            assert place.take(now)
        taken += 1
    assert 10_000 <= taken <= 10_051
    assert awakenings <= 2_100
    tight = Queue(Bucket(Rate(1000, burst=1)), "rate")
    assert tight.request(attempt(), 0.0, lambda: None).take(0.0)
    assert tight.request(attempt(), 0.0, lambda: None).opens_at == pytest.approx(0.001)


def test_a_cost_above_the_burst_waits_for_a_full_bucket_and_leaves_it_in_debt() -> None:
    gate = Queue(Bucket(Rate(10, burst=2)), "rate")
    first, large, last = (gate.request(attempt(cost), 0.0, lambda: None) for cost in (1, 8, 1))
    assert first.take(0.0)
    assert large.opens_at == pytest.approx(0.1)  # full again
    assert large.take(0.1)
    assert last.opens_at == soon(0.1 + 0.7)  # 8 taken from 2: 6 of debt, and 1 of its own
    assert not last.take(0.7)
    assert last.take(last.opens_at)


def test_large_costs_never_starve_behind_small_ones() -> None:
    gate = Queue(Bucket(Rate(100, burst=10)), "rate")
    now, order = 0.0, []
    places = [(index, gate.request(attempt(50 if index == 3 else 1), now, lambda: None)) for index in range(40)]
    while len(order) < 40:
        for index, place in places:
            if place.opens_at <= now and place.take(now):
                order.append(index)
        now += 0.005
    assert order == list(range(40))


def test_what_a_call_used_is_debt_or_credit_for_those_after_it() -> None:
    gate = Queue(Bucket(Rate(10, burst=10)), "rate")
    first = gate.request(attempt(5), 0.0, lambda: None)
    assert first.take(0.0)
    first.spent(25, 0.0)  # 15 of debt
    after = gate.request(attempt(1), 0.0, lambda: None)
    assert after.opens_at == soon(1.6)
    first.spent(0, 0.0)
    assert after.opens_at <= 0.0


def test_debt_is_charged_although_the_bucket_was_full_again() -> None:
    gate = Queue(Bucket(Rate(10, burst=10)), "rate")
    first = gate.request(attempt(1), 0.0, lambda: None)
    assert first.take(0.0)
    first.spent(21, 100.0)  # 20 more than was charged
    after = gate.request(attempt(1), 100.0, lambda: None)
    assert after.opens_at == soon(101.1)


def test_an_undone_charge_does_not_overfill_the_bucket() -> None:
    gate = Queue(Bucket(Rate(60, per=60, burst=10)), "rate")
    first = gate.request(attempt(10), 0.0, lambda: None)
    second = gate.request(attempt(5), 0.0, lambda: None)
    assert first.take(0.0)
    assert second.take(5.0)
    first.give_back()  # without it the bucket had been full at 5, and held 5 after that
    assert first.opens_at >= 10.0


def test_the_ledger_takes_no_moment_that_was_read_early_for_a_breach(ledger: Any) -> None:
    """A thread reads the clock, another one is faster, and gives credit: then the first one takes."""
    bucket = Bucket(Rate(1000, burst=1))
    assert bucket.take(bucket.one, 0.010) > 0
    bucket.spent(bucket.one, 0.9, 0.012)
    assert bucket.take(bucket.one, 0.011) > 0
    assert ledger.excess() <= 0
    bucket.full_at = 0  # it has forgotten what was taken
    assert bucket.take(bucket.one, 0.0115) > 0
    assert ledger.excess() > 0


COSTS = st.one_of(st.integers(0, 30), st.floats(0, 30))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), COSTS),
        st.tuples(st.just("join"), COSTS),
        st.tuples(st.just("try"), st.integers(0, 9)),
        st.tuples(st.just("go"), st.sampled_from([0.0, 0.0, 1e-9, 0.001, 0.05, 0.3, 4.0])),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("back"), st.integers(0, 9)),
        st.tuples(st.just("spent"), st.tuples(st.integers(0, 9), COSTS)),
    ),
    max_size=60,
)


@given(st.sampled_from([1, 7, 100, 0.3, 1000]), st.sampled_from([None, 0.5, 3, 20]), STEPS)
@settings(deadline=None)
def test_no_window_ever_holds_more_than_is_promised(limit: float, burst: float | None, steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        ledger = Ledger()
        ledger.watch(patch)
        _play(Queue(Bucket(Rate(limit, per=30 / limit if limit < 30 else 1, burst=burst)), "rate"), steps)
        assert ledger.excess() <= 0


def _play(gate: Queue, steps: list[Any]) -> None:
    now, waiting, taken = 1.0, [], []
    for step, how in steps:
        if step in ("enter", "join"):
            try:
                place = (gate.enter if step == "enter" else partial(gate.request, ring=lambda: None))(
                    attempt(how), now=now
                )
            except ValueError:
                continue
            assert place is None or step == "join" or not waiting  # nobody is overtaken
            if place is not None:
                (waiting if step == "join" else taken).append(place)
        elif step == "go":
            now += how
        elif step == "try" and waiting:
            place = waiting[how % len(waiting)]
            if place.take(now):
                taken.append(place)
                waiting.remove(place)
        elif step == "leave" and waiting:
            waiting.pop(how % len(waiting)).give_back()
        elif step == "back" and taken:  # only what was never used is given back
            place = taken.pop(how % len(taken))
            place.give_back()
            waiting.insert(0, place)
        elif step == "spent" and taken:
            taken.pop(how[0] % len(taken)).spent(how[1], now)
        assert sum(place.opens_at < FOREVER for place in waiting) <= 1  # the head alone may hope


def test_a_cost_that_the_burst_holds_passes() -> None:
    with iobound.Limiter(Rate(1, burst=10))(cost=5):
        pass


def test_the_class_of_a_limiter_is_no_rate() -> None:
    with pytest.raises(TypeError, match="is no rate"):
        iobound.map(str, [1], rate=iobound.Limiter)  # type: ignore[arg-type]


def test_what_is_undone_after_a_credit_gives_back_no_more_than_it_had_taken() -> None:
    """Without it the credit would have overflowed."""
    bucket = Bucket(Rate(1, burst=3))
    assert bucket.take(3 * SECOND, 102.5) >= 0
    credited = bucket.credited
    at = bucket.take(2 * SECOND, 107.5)
    assert at >= 0
    assert bucket.spent(3 * SECOND, 0, 107.5) == 0
    assert bucket.take(4 * SECOND, 107.5) >= 0
    bucket.undo(2 * SECOND, at, credited)
    assert bucket.take(3 * SECOND, 109.5) < 0  # seven in two seconds; six are allowed

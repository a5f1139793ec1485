"""Promise 12 for whole runs: costs, failures, retries, corrections, stops and stalls, on every model."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger import Ledger
from stages import END, STAGES, Stage

import iobound
from iobound import Limiter, Rate, Retry
from iobound.policies.rate import SECOND

ATTEMPTS = 3
SHARE = {"threads": 30}
"""Percent of the examples: where real threads live on virtual time, each change of the time costs real milliseconds."""
STALL = 7.0
STOPS = ("close", "cancel", "drop")


@dataclass(frozen=True)
class Item:
    """What one item costs, how long its call takes, how often it fails, what it says it has used, and corrects."""

    number: int
    cost: float
    seconds: float
    failures: int
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Plan:
    """A run, and what its consumer does."""

    rate: Rate
    items: list[Item]
    concurrency: int
    ordered: bool
    keys: int
    stalls: frozenset[int]
    stop: tuple[int, str] | None
    """After so many results, in this way."""

    def affordable(self, item: Item) -> bool:
        return item.cost == 1 or item.cost <= max(self.rate.limit, self.rate.burst or 0)

    def charge(self, item: Item) -> int:
        return ceil(Fraction(item.cost) * Fraction(self.rate.per) * SECOND / Fraction(self.rate.limit))


@st.composite
def plans(draw: Any) -> Plan:
    limit = draw(st.sampled_from([1, 7, 100, 1000, 0.3]))
    rate = Rate(limit, per=30 / limit if limit < 30 else 1, burst=draw(st.sampled_from([None, 0.5, 3, 20])))
    cost = st.one_of(st.just(1), st.just(1), st.integers(0, 12), st.floats(0, 1).map(lambda share: share * 1.1 * limit))
    used = st.none() | st.one_of(st.integers(0, 30), st.floats(0, 30))
    seconds, failures = st.sampled_from([0.0, 0.0, 0.001, 0.05, 3.0]), st.sampled_from([0, 0, 0, 1, 2, ATTEMPTS])
    facts = draw(st.lists(st.tuples(cost, seconds, failures, used, used), min_size=1, max_size=25))
    stop = st.tuples(st.integers(0, 12), st.sampled_from(STOPS))
    return Plan(
        rate,
        [Item(number, *each) for number, each in enumerate(facts)],
        concurrency=draw(st.integers(1, 5)),
        ordered=draw(st.booleans()),
        keys=draw(st.sampled_from([0, 0, 3])),
        stalls=draw(st.frozensets(st.integers(0, 20), max_size=3)),
        stop=draw(st.none() | stop),
    )


class Told(NamedTuple):
    """What an outcome says. The outcome itself has an error whose traceback may lead back to the run: kept, it would
    keep alive a run that is to be dropped."""

    index: int
    error: type[BaseException] | None

    @classmethod
    def of(cls, outcome: Any) -> Told | None:
        return None if outcome is END else cls(outcome.index, None if outcome.error is None else type(outcome.error))


class Played:
    """A plan on a stage."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.limiter = Limiter(plan.rate)
        self.started: list[int] = []
        self.outcomes: list[Told] = []

    async def __call__(self, stage: Stage) -> None:
        run = stage.map(self._body(stage), self.plan.items, **self._keywords())
        while self.plan.stop is None or len(self.outcomes) < self.plan.stop[0]:
            if (told := Told.of(await stage.next(run))) is None:
                break
            self.outcomes.append(told)
            if len(self.outcomes) in self.plan.stalls:
                stage.stall(STALL)
        if self.plan.stop is not None:
            await self._stop(stage, run)
            del run
        assert await stage.list(stage.map(self._one_more, ["last"], rate=self.limiter)) == ["last"]

    async def _stop(self, stage: Stage, run: Any) -> None:
        how = self.plan.stop[1] if self.plan.stop else ""
        if stage.model == "simulated" and any(item.failures for item in self.plan.items):
            how = "close"  # its failures lead to the run, and the run's places to them: it would not be collected
        if how == "cancel":
            run.cancel()
            with suppress(RuntimeError):
                self.outcomes += filter(None, map(Told.of, await stage.list(run)))
        elif how == "close":
            await stage.close(run)

    def _keywords(self) -> dict[str, Any]:
        plan = self.plan
        keywords: dict[str, Any] = {"concurrency": plan.concurrency, "ordered": plan.ordered, "rate": self.limiter}
        if plan.keys:
            keywords |= {
                "key": lambda item: item.number % plan.keys,
                "key_rate": Rate(20, unit="visits", cost=1),
                "key_concurrency": 2,
            }
        retry = Retry(attempts=ATTEMPTS, on=OSError, wait=lambda made, error: 0.02 * made, budget=None)
        return keywords | {"cost": lambda item: item.cost, "errors": "collect", "retry": retry, "grace": 0.1}

    def _body(self, stage: Stage) -> Any:
        async def body(item: Item) -> int:
            attempt = iobound.current().attempt
            if attempt == 1:
                self.started.append(item.number)
            if item.before is not None:
                iobound.spent(requests=item.before)
            await stage.sleep(item.seconds)
            if item.after is not None and stage.model != "simulated":  # there, a call is made in one go at its start
                iobound.spent(requests=item.after)
            if attempt <= item.failures:
                raise OSError("busy")
            return item.number

        return body

    @staticmethod
    async def _one_more(item: str) -> str:
        return item


def attempts_of(item: Item, plan: Plan) -> int:
    return min(item.failures + 1, ATTEMPTS) if plan.affordable(item) else 0


def check_all_was_done(played: Played, ledger: Ledger) -> None:
    plan = played.plan
    indices = [outcome.index for outcome in played.outcomes]
    assert sorted(indices) == [item.number for item in plan.items]
    assert not plan.ordered or indices == sorted(indices)
    for outcome in played.outcomes:
        item = plan.items[outcome.index]
        done = plan.affordable(item) and item.failures < ATTEMPTS
        assert outcome.error is (None if done else OSError if plan.affordable(item) else ValueError)
    assert sorted(played.started) == [item.number for item in plan.items if plan.affordable(item)]
    charged = Counter(charge for _, charge in ledger.books[bucket_of(played.limiter)].taken)
    told = Counter(plan.charge(item) for item in plan.items for _ in range(attempts_of(item, plan)))
    told[plan.charge(Item(0, 1, 0, 0, None, None))] += 1  # the last one
    assert charged == told


def bucket_of(limiter: Limiter) -> Any:
    [gate] = limiter.limits.common
    return gate.rule


@pytest.mark.parametrize("stage", STAGES, ids="-".join)
def test_no_window_of_a_run_ever_holds_more_than_is_promised(stage: tuple[str, str, str]) -> None:
    @settings(max_examples=max(1, settings().max_examples * SHARE.get(stage[0], 100) // 100))
    @given(plans())
    def holds(plan: Plan) -> None:
        with pytest.MonkeyPatch.context() as patch:
            ledger = Ledger()
            ledger.watch(patch)
            played, made = Played(plan), Stage(*stage)
            made.play(played)
            assert ledger.excess() <= 0
            assert ledger.overdrawn() <= 0
            if made.single and not plan.keys:
                assert played.started == sorted(played.started)
            if plan.stop is None:
                check_all_was_done(played, ledger)

    holds()

"""Promise 12 with everybody at once: two runs, a thread and a loop share a limiter on a real clock."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger import Ledger

import iobound
from iobound import Limiter, Rate

CEILING = 20.0
"""Seconds after which a party that still waits has failed."""
EXAMPLES = 500 if os.environ.get("IOBOUND_TORTURE") else 50


@dataclass(frozen=True)
class Plan:
    """What the calls of one party cost and use, and after how many of them it stops in the middle."""

    costs: list[float]
    used: float | None
    stops: int | None

    @property
    def goes_on(self) -> bool:
        return self.stops is None or self.stops >= len(self.costs)


plans = st.builds(
    Plan,
    st.lists(st.just(1) | st.integers(0, 12) | st.floats(0, 12), min_size=1, max_size=12),
    st.none() | st.floats(0, 20),
    st.none() | st.integers(0, 8),
)
rates = st.builds(Rate, st.sampled_from([3000, 8000]), burst=st.sampled_from([None, 1, 5, 40]))


class Everybody:
    """Four parties, each of which notes what it has started."""

    def __init__(self, rate: Rate, plans: tuple[Plan, ...]) -> None:
        self.limiter = Limiter(rate)
        self.plans = plans
        self.started: tuple[list[int], ...] = ([], [], [], [])
        self.errors: list[BaseException] = []

    def play(self) -> None:
        parties = self.run_of_threads, self.blocks, lambda: asyncio.run(self.loop())
        threads = [threading.Thread(target=self._guarded, args=(party,), daemon=True) for party in parties]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(CEILING)
        assert not any(thread.is_alive() for thread in threads)
        assert not self.errors
        with self.limiter(cost=0):  # nobody was left in the queue
            pass

    def _guarded(self, party: Any) -> None:
        try:
            party()
        except BaseException as error:
            self.errors.append(error)

    def work(self, party: int, item: int) -> int:
        self.started[party].append(item)
        if (used := self.plans[party].used) is not None:
            iobound.spent(used)
        return item

    def run(self, party: int, fn: Any, **options: Any) -> Any:
        costs = self.plans[party].costs
        options |= {"rate": self.limiter, "cost": costs.__getitem__, "concurrency": 1}
        return iobound.map(fn, range(len(costs)), **options)

    def run_of_threads(self) -> None:
        with self.run(0, lambda item: self.work(0, item)) as run:
            for number, _ in enumerate(run, 1):
                if number == self.plans[0].stops:
                    return

    def blocks(self) -> None:
        for item, cost in enumerate(self.plans[1].costs[: self.plans[1].stops]):
            with self.limiter(cost=cost):
                self.work(1, item)

    async def loop(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.run_on_loop())
            tasks = [group.create_task(self.block(*facts)) for facts in enumerate(self.plans[3].costs)]
            if not self.plans[3].goes_on:
                await asyncio.sleep(0.002)
                for task in tasks[self.plans[3].stops :]:
                    task.cancel()  # some wait, in the middle of the queue

    async def run_on_loop(self) -> None:
        async def native(item: int) -> int:
            return self.work(2, item)

        async with self.run(2, native) as run:
            number = 0
            async for _ in run:
                number += 1
                if number == self.plans[2].stops:
                    return

    async def block(self, item: int, cost: float) -> None:
        async with self.limiter(cost=cost):
            self.work(3, item)


@given(rates, st.tuples(plans, plans, plans, plans))
@settings(max_examples=EXAMPLES, deadline=None)
def test_everybody_at_once_keeps_within_it(rate: Rate, plans: tuple[Plan, ...]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        ledger, everybody = Ledger(), Everybody(rate, plans)
        ledger.watch(patch)
        everybody.play()
    assert ledger.excess() <= 0
    assert ledger.overdrawn() <= 0
    for plan, started in zip(plans, everybody.started, strict=True):
        assert started == sorted(started)
        assert not plan.goes_on or started == [*range(len(plan.costs))]

"""Promise 12 for a limiter that runs, threads and loops share, all at once."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any
from weakref import ref

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from ledger import Ledger
from stages import END
from together import Together, limiters
from together import parties as real_parties

import iobound
from iobound import Limiter, Rate
from iobound.models import Threads
from iobound.testing import Simulated, VirtualClock, run_virtual

costs = st.lists(st.one_of(st.just(1), st.integers(0, 30), st.floats(0, 30)), min_size=1, max_size=15)
pauses = st.sampled_from([0.0, 0.0, 0.01, 0.4, 5.0])
rates = st.builds(Rate, st.sampled_from([30, 100, 1000]), burst=st.sampled_from([None, 0.5, 3, 40]))


@dataclass(frozen=True)
class Party:
    """A run or a coroutine: what its calls cost, how long they take, what they use; when it is stopped."""

    kind: str
    costs: list[float]
    seconds: float
    used: float | None
    stopped: float | None


parties = st.builds(
    Party,
    st.sampled_from(["run", "block"]),
    costs,
    pauses,
    st.none() | st.floats(0, 30),
    st.none() | st.sampled_from([0.0, 0.02, 0.3, 2.0]),
)


class OnALoop:
    """Parties that share a limiter on one virtual loop."""

    def __init__(self, rate: Rate) -> None:
        self.limiter = Limiter(rate)
        self.started: dict[int, list[int]] = {}

    async def all(self, parties: list[Party]) -> None:
        await asyncio.gather(*(self._stopped(name, party) for name, party in enumerate(parties)))
        async with asyncio.timeout(3600), self.limiter():  # nobody was left in the queue
            pass

    async def _stopped(self, name: int, party: Party) -> None:
        self.started[name] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(party.stopped):
                await (self._run if party.kind == "run" else self._blocks)(name, party)

    async def _run(self, name: int, party: Party) -> None:
        async def body(item: int) -> None:
            await self._work(name, party, item)

        items, concurrency = range(len(party.costs)), 1 + len(party.costs) % 4
        run = iobound.map(body, items, rate=self.limiter, cost=party.costs.__getitem__, concurrency=concurrency)
        async with run:
            async for _ in run:
                pass

    async def _blocks(self, name: int, party: Party) -> None:
        for item, cost in enumerate(party.costs):
            async with self.limiter(cost=cost):
                await self._work(name, party, item)

    async def _work(self, name: int, party: Party, item: int) -> None:
        self.started[name].append(item)
        await asyncio.sleep(party.seconds)
        if party.used is not None:
            iobound.spent(party.used)


@given(rates, st.lists(parties, min_size=2, max_size=5))
def test_runs_and_blocks_on_one_loop_keep_within_it(rate: Rate, parties: list[Party]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        ledger, loop = Ledger(), OnALoop(rate)
        ledger.watch(patch)
        run_virtual(loop.all(parties))
    assert ledger.excess() <= 0
    assert ledger.overdrawn() <= 0
    for name, party in enumerate(parties):
        done = loop.started[name]
        assert done == [*range(len(party.costs))][: len(done)]
        assert party.stopped is not None or len(done) == len(party.costs)


@given(rates, st.tuples(costs, costs), st.tuples(pauses, pauses), st.lists(st.booleans(), max_size=30))
@settings(max_examples=100 * settings().max_examples // 60)
def test_two_runs_that_are_consumed_by_turns_keep_within_it(
    rate: Rate, costs: tuple[list[float], ...], seconds: tuple[float, ...], turns: list[bool]
) -> None:
    clock, limiter = VirtualClock(), Limiter(rate)
    every = [[*range(len(each))] for each in costs]
    started: tuple[list[int], list[int]] = ([], [])

    def run(number: int) -> Any:
        def body(item: int) -> int:
            started[number].append(item)
            clock.sleep(seconds[number])
            return item

        cost = costs[number].__getitem__
        return iobound.map(body, every[number], rate=limiter, cost=cost, model=Simulated(clock), concurrency=3)

    with pytest.MonkeyPatch.context() as patch:
        ledger = Ledger()
        ledger.watch(patch)
        runs = run(0), run(1)
        got = [list[int](), list[int]()]
        for turn in turns:
            got[turn] += [value for value in [next(runs[turn], END)] if value is not END]
        for turn in (0, 1):
            got[turn] += iter(partial(next, runs[turn], END), END)
    assert got == list(started) == every
    assert len(ledger.taken) == sum(map(len, costs))
    assert ledger.excess() <= 0


@pytest.mark.parametrize("per_second, longest", [(1, 1), (100, 1), (2000, 30)])
def test_runs_that_share_a_rate_take_turns(per_second: int, longest: int) -> None:
    limiter, order, seconds = Limiter(Rate(per_second, burst=per_second / 20 + 1)), list[int](), 200 / per_second

    async def consume(name: int) -> None:
        async def body(item: int) -> None:
            order.append(name)

        async for _ in iobound.map(body, range(20_000), rate=limiter, timeout=seconds, concurrency=4):
            pass

    async def main() -> None:
        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(consume(0))
                group.create_task(consume(1))

    run_virtual(main())
    settled = order[len(order) // 4 :]  # who came first had the burst
    assert max(len(list(turn)) for _, turn in groupby(settled)) <= longest
    assert abs(settled.count(0) - settled.count(1)) <= longest


def test_a_limiter_keeps_no_run_alive_that_has_waited_for_it() -> None:
    limiter = Limiter(Rate(100, burst=1))

    def run() -> ref[Any]:
        def body(item: int) -> int:
            return item

        assert len(list(iobound.map(body, range(5), rate=limiter, model=Simulated(VirtualClock())))) == 5
        return ref(body)

    body = run()
    gc.collect()
    assert body() is None


def test_a_thread_and_a_run_of_threads_share_it_on_virtual_time(ledger: Any) -> None:
    clock, limiter, order = VirtualClock(), Limiter(Rate(10, burst=1)), []

    def wait() -> None:
        for number in range(20):
            permit = limiter(cost=1 + number % 3)
            permit.clock = clock
            with permit:
                order.append(number)

    def consume() -> None:
        got.extend(iobound.map(str, range(20), rate=limiter, model=Threads(clock=clock), concurrency=1))

    got: list[str] = []
    threads = [threading.Thread(target=target) for target in (wait, consume)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        clock.step() or threads[0].join(0.001)
    assert (order, got) == ([*range(20)], [*map(str, range(20))])
    assert len(ledger.taken) == 40
    assert ledger.excess() <= 0


@pytest.mark.parametrize("colour", ["plain", "async", "late"])
def test_runs_threads_and_loops_keep_within_it_on_a_real_clock(colour: str, ledger: Any) -> None:
    limiter, calls = Limiter(Rate(2000, burst=8)), 60
    starts: dict[str, list[int]] = {}

    def begin(name: str, item: int) -> int:
        starts.setdefault(name, []).append(item)
        if item % 5 == 0:
            iobound.spent(item % 3)
        return item

    async def native(item: int) -> int:
        return begin("run", item)

    functions = {"plain": lambda item: begin("run", item), "async": native, "late": lambda item: native(item)}  # noqa: PLW0108 - plain on purpose

    def consume() -> None:
        run = iobound.map(functions[colour], range(calls), rate=limiter, cost=lambda item: 1 + item % 4, concurrency=1)
        done.extend(run)

    def block() -> None:
        for item in range(calls):
            with limiter(cost=1 + item % 5):
                begin("thread", item)

    async def loop() -> None:
        async def one(item: int) -> None:
            async with limiter(cost=item % 3):
                begin("loop", item)

        run = iobound.map(native_too, range(calls), rate=limiter, concurrency=1)
        await asyncio.gather(*map(one, range(calls)), run)

    async def native_too(item: int) -> int:
        return begin("run on a loop", item)

    done: list[int] = []
    threads = [threading.Thread(target=target) for target in (consume, block)]
    for thread in threads:
        thread.start()
    asyncio.run(loop())
    for thread in threads:
        thread.join()
    assert done == [*range(calls)]
    assert starts == {name: [*range(calls)] for name in ("run", "thread", "loop", "run on a loop")}
    assert len(ledger.taken) == 4 * calls
    assert ledger.excess() <= 0
    assert ledger.overdrawn() <= 0


@given(limiters, st.fixed_dictionaries(dict.fromkeys(("threads", "asyncio", "thread", "coroutines"), real_parties)))
@settings(max_examples=settings().max_examples // 6, phases=[Phase.generate])  # a real clock repeats nothing exactly
def test_all_at_once_keep_within_it_on_a_real_clock(limiter: Limiter, parties: dict[str, Any]) -> None:
    """Whoever is cancelled or closed on the way, and whatever the calls say they have used."""
    with pytest.MonkeyPatch.context() as patch:
        ledger, together = Ledger(), Together(limiter, parties)
        ledger.watch(patch)
        together.play()
    assert ledger.excess() <= 0
    assert ledger.overdrawn() <= 0
    assert limiter.waiting == 0
    started, every = together.started, {name: [*range(len(party.calls))] for name, party in parties.items()}
    assert started["thread"] == every["thread"]
    kept = {number for number, call in enumerate(parties["coroutines"].calls) if call.cancelled is None}
    assert started["coroutines"] == sorted(started["coroutines"])
    assert kept <= {*started["coroutines"]}
    for name in ("threads", "asyncio"):
        enough = parties[name].results or len(every[name])
        assert together.got[name] == every[name][:enough]
        assert sorted(started[name]) == every[name][: len(started[name])]

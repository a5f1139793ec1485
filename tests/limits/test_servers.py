"""What runs look like from the other side: servers that police rates, hosts that are down, on virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from servers import BucketServer, Refused

import iobound
from iobound import Retry, RetryBudget
from iobound.testing import SimulatedServer, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_server_that_allows_the_rate_refuses_nothing() -> None:
    server = BucketServer(100)

    async def main() -> float:
        assert await iobound.map(server, range(2000), rate="100/s") == [*range(2000)]
        return now()

    seconds = run_virtual(main())
    assert server.seen == {"requests": 2000}
    assert seconds <= 2000 / 100 / 0.98


def test_without_a_rate_all_arrive_with_few_refusals() -> None:
    server = BucketServer(100)

    async def main() -> list[int]:
        return await iobound.map(server, range(2000), concurrency=16, retry=8)

    assert run_virtual(main()) == [*range(2000)]
    assert server.seen["requests"] <= 1.2 * 2000


def test_one_host_that_asks_to_wait_does_not_hold_up_fifty_others() -> None:
    items = [f"https://host{number % 51}.example/{number}" for number in range(51 * 40)]

    async def seconds(sick: bool) -> tuple[float, Counter[bool]]:
        failures: Counter[bool] = Counter()
        last = 0.0

        async def fetch(url: str) -> str:
            nonlocal last
            if sick and "//host50." in url:
                raise Refused(429, 30)
            await asyncio.sleep(0.05)
            last = now()
            return url

        urls = items if sick else [url for url in items if "//host50." not in url]
        options: dict[str, Any] = {"key": "host", "key_concurrency": 2, "retry": 3, "ordered": False}
        async for outcome in iobound.map(fetch, urls, errors="collect", max_errors=None, **options):
            failures[outcome.ok] += 1
        return last, failures

    healthy, _ = run_virtual(seconds(sick=False))
    beside, failures = run_virtual(seconds(sick=True))
    assert failures[True] == 50 * 40
    assert healthy / beside >= 0.95


@pytest.mark.parametrize("retry", [Retry(attempts=1), Retry(deadline=10)])
def test_a_server_that_asks_to_wait_is_left_alone_also_if_the_item_is_not_tried_again(retry: Retry) -> None:
    calls: list[float] = []

    async def fetch(item: int) -> int:
        calls.append(now())
        raise Refused(429, 30)

    async def main() -> None:
        await iobound.map(fetch, range(4), concurrency=1, retry=retry, errors="collect")

    run_virtual(main())
    pauses = [after - before for before, after in pairwise(calls)]
    assert len(calls) == 4
    assert all(30 <= pause <= 33 for pause in pauses)


def test_the_limit_that_holds_the_run_back_is_named_not_the_one_that_did_before() -> None:
    tried: Counter[str] = Counter()

    async def fetch(item: str) -> None:
        tried[item] += 1
        if item == "busy" and tried[item] == 1:
            raise Refused(429, 30)

    async def main() -> dict[str, float]:
        run = iobound.map(fetch, ["busy", "busy", "a", "a"], key=str, key_rate="1/s", retry=3, ordered=False)
        await run
        return run.stats.held_by_limits

    held = run_virtual(main())
    # a second for "a", and up to another one where the retry, whose pause is spread upward, comes right behind "busy"
    assert 0.9 <= held["rate 1/s per key"] <= 2.1
    assert held["retries"] >= 29


@pytest.mark.parametrize("source", [list, iter])
def test_a_slow_consumer_slows_a_run_with_keys(source: Callable[[Any], Any]) -> None:
    started = 0

    async def fetch(item: int) -> int:
        nonlocal started
        started += 1
        await asyncio.sleep(0.01)
        return item

    async def main() -> int:
        seen, peak = [], 0
        async for item in iobound.map(fetch, source(range(500)), key=str, concurrency=5, ordered=False):
            seen.append(item)
            peak = max(peak, started - len(seen))
            await asyncio.sleep(1)
        assert sorted(seen) == [*range(500)]
        return peak

    assert 5 <= run_virtual(main()) <= 10


def test_a_server_that_fails_everything_is_not_hammered_and_the_run_ends() -> None:
    calls: Counter[str] = Counter()

    async def fetch(item: int) -> int:
        calls["made"] += 1
        await asyncio.sleep(0.02)
        raise ConnectionError("down")

    async def main() -> float:
        outcomes = await iobound.map(fetch, range(1000), retry=3, errors="collect")
        assert not any(outcome.ok for outcome in outcomes)
        return now()

    seconds = run_virtual(main())
    assert calls["made"] <= 1.1 * 1000 + 10 * seconds + 100


def test_while_many_retries_wait_nothing_new_of_their_key_starts() -> None:
    started: set[int] = set()

    async def fetch(item: int) -> int:
        started.add(item)
        raise ConnectionError("down")

    async def main() -> None:
        retry = Retry(attempts=2, wait=lambda made, error: 0.0, budget=RetryBudget(cap=1, per_second=1))
        async with iobound.map(fetch, range(1000), concurrency=5, retry=retry, errors="collect") as run:
            waiting = asyncio.ensure_future(anext(run))
            await asyncio.sleep(2.5)
            assert len(started) <= 1 + 2 * 5 + 5 + 3
            waiting.cancel()

    run_virtual(main())


def test_only_what_was_made_again_is_counted_as_retried() -> None:
    calls: list[int] = []

    async def fetch(item: int) -> None:
        calls.append(item)
        raise ConnectionError

    budget = RetryBudget(ratio=0, per_second=1, cap=1)
    retry = Retry(attempts=9, base=0.2, cap=0.2, jitter=False, budget=budget, deadline=0.5)

    async def main() -> int:
        run = iobound.map(fetch, range(5), errors="collect", retry=retry)
        await run
        return run.stats.retried

    assert run_virtual(main()) == len(calls) - 5 == 1


def test_by_default_a_rate_is_learned_where_the_server_only_refuses() -> None:
    """429 without `Retry-After`: the pacer bounds the retries, and the budget stands back."""
    server = SimulatedServer(places=1000, seconds=0.05, spread=0, rate=100, refusal=0.001)

    async def main() -> tuple[list[int], float]:
        return await iobound.map(server, range(2000), retry=8), now()

    values, seconds = run_virtual(main())
    assert values == [*range(2000)]
    assert 2000 / seconds >= 85
    assert server.refused <= 0.4 * 2000


def test_by_default_a_server_that_says_when_is_hardly_ever_refused() -> None:
    server = SimulatedServer(places=1000, seconds=0.05, spread=0, rate=100, refusal=0.001, after=1)

    async def main() -> list[int]:
        return await iobound.map(server, range(2000), retry=8)

    assert run_virtual(main()) == [*range(2000)]
    assert server.refused <= 0.2 * 2000

"""Retries that are due, and what holds them up: in turn, in time, and nothing is remembered for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from servers import Refused

import iobound
from iobound import Rate, Retry
from iobound.policies.hold import FEWEST, Hold
from iobound.testing import run_virtual
from iobound.words.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def now() -> float:
    return asyncio.get_running_loop().time()


def test_retries_start_in_the_order_in_which_they_are_due() -> None:
    started: list[tuple[int, int]] = []

    async def fetch(item: int) -> None:
        started.append((item, iobound.current().attempt))
        if iobound.current().attempt == 1:
            raise OSError

    async def main() -> None:
        retry = Retry(attempts=2, wait=lambda made, error: 0.35, budget=None)
        await iobound.map(fetch, range(30), rate=Rate(10, burst=10), retry=retry, concurrency=50)

    run_virtual(main())
    again = [item for item, attempt in started if attempt == 2]
    assert again == sorted(again)
    assert len(again) == 30


def starts_of(items: int, **options: Any) -> dict[int, list[float]]:
    """When each item was started, by a function that always fails."""
    starts: dict[int, list[float]] = {}

    async def fetch(item: int) -> None:
        starts.setdefault(item, []).append(now())
        raise OSError(item)

    async def main() -> list[Any]:
        return await iobound.map(fetch, range(items), errors="collect", concurrency=50, **options)

    for outcome in run_virtual(main()):
        assert str(outcome.error) == str(outcome.index)
        assert outcome.attempts == len(starts[outcome.index])
    return starts


def test_a_retry_that_a_rate_held_up_beyond_its_deadline_is_not_made() -> None:
    """The failure stands that it was to make good."""
    starts = starts_of(20, rate=Rate(1), retry=Retry(attempts=9, base=0.1, deadline=3))
    assert max(each[-1] - each[0] for each in starts.values()) <= 3
    assert sum(map(len, starts.values())) > 20


def test_a_retry_that_the_other_side_holds_up_beyond_its_deadline_fails_at_once() -> None:
    ended: dict[int, float] = {}

    async def fetch(item: int) -> None:
        if item == 0:
            raise OSError("busy")
        await asyncio.sleep(0.01)
        if iobound.current().attempt == 1:
            raise Refused(429, 20)

    async def main() -> list[Any]:
        outcomes = []
        retry = Retry(attempts=3, wait=lambda made, error: 1, deadline=5)
        async with iobound.map(fetch, range(2), retry=retry, concurrency=2, errors="collect") as run:
            async for outcome in run:
                ended[outcome.index] = now()
                outcomes.append(outcome)
        return outcomes

    first, second = run_virtual(main())
    assert (str(first.error), second.error.status) == ("busy", 429)
    assert "waited for the other side until the deadline" in first.error.__notes__[0]
    assert max(ended.values()) < 5


def test_new_items_of_a_key_start_after_the_retry_that_it_waits_for() -> None:
    """And as late: who was told to wait does not come back as a crowd at that very moment."""
    started: list[tuple[int, float]] = []

    async def fetch(item: int) -> None:
        started.append((item, now()))
        if len(started) == 1:
            raise Refused(429, 10)

    async def main() -> None:
        await iobound.map(fetch, range(5), retry=3, concurrency=1)

    run_virtual(main())
    assert [item for item, _ in started] == [0, 0, 1, 2, 3, 4]
    assert 10 <= started[1][1] <= 11


def test_keys_that_do_not_come_back_are_forgotten() -> None:
    hold = Hold()
    for key in range(100 * FEWEST):
        hold.shut(key, key + 5.0, now=float(key))
    assert len(hold.until) <= FEWEST
    assert not hold.enter(attempt(100 * FEWEST - 1), 100 * FEWEST)


def attempt(key: int) -> Any:
    made = Attempt()
    made.key = key
    return made


def test_a_crawl_of_busy_hosts_takes_bounded_memory(monkeypatch: Any) -> None:
    most = [0]
    shut = Hold.shut

    def watched(self: Hold, *facts: Any) -> None:
        shut(self, *facts)
        most[0] = max(most[0], len(self.until))

    monkeypatch.setattr(Hold, "shut", watched)

    async def fetch(item: int) -> None:
        raise Refused(429, 1)

    async def hosts() -> AsyncIterator[int]:
        for host in range(5000):
            yield host

    async def main() -> int:
        options: dict[str, Any] = {"key": lambda item: item, "retry": Retry(attempts=2), "lookahead": 200}
        return len(await iobound.map(fetch, hosts(), errors="collect", ordered=False, **options))

    assert run_virtual(main()) == 5000
    assert most[0] <= 2 * FEWEST

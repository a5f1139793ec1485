"""All who can share a limiter, at once and on a real clock: runs, a thread, coroutines."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

import iobound
from iobound import Limiter, Rate

if TYPE_CHECKING:
    from collections.abc import Callable

CEILING = 10.0
"""Seconds after which whatever waits has failed."""


@dataclass(frozen=True)
class Call:
    """What is charged, how long it takes, what it says it has used; when its task is cancelled, if it has its own."""

    cost: float
    seconds: float
    used: float | None
    cancelled: float | None


@dataclass(frozen=True)
class Party:
    """Calls; a run makes so many at a time, and is closed after so many results."""

    calls: list[Call]
    concurrency: int
    results: int | None


units = st.one_of(st.just(1), st.integers(0, 12), st.floats(0, 12))
calls = st.builds(Call, units, st.sampled_from([0.0, 0.0, 0.001]), st.none() | units, st.none() | st.floats(0, 0.03))
parties = st.builds(Party, st.lists(calls, min_size=5, max_size=25), st.integers(1, 4), st.none() | st.integers(1, 20))
rates = st.builds(Rate, st.sampled_from([3000, 5000, 9000]), burst=st.sampled_from([None, 0.5, 3, 12, 40]))
limiters = st.builds(Limiter, st.lists(rates, min_size=1, max_size=2), concurrency=st.sampled_from([None, None, 3]))


class Together:
    """Four parties, and what they did."""

    def __init__(self, limiter: Limiter, parties: dict[str, Party]) -> None:
        self.limiter, self.parties = limiter, parties
        self.started: dict[str, list[int]] = {name: [] for name in parties}
        self.got: dict[str, list[int]] = {name: [] for name in parties}

    def play(self) -> None:
        """All of them, and then one more, for whom nobody may be left in the way."""
        in_threads(self._run_on_threads, self._thread, self._loop)
        in_threads(self._one_more)

    def _thread(self) -> None:
        for number, call in enumerate(self.parties["thread"].calls):
            with self.limiter(cost=call.cost):
                sleep(self._begin("thread", number))

    def _run_on_threads(self) -> None:
        with self._map("threads", lambda number: sleep(self._begin("threads", number)) or number) as run:
            for result in run:
                if self._had_enough("threads", result):
                    break

    def _loop(self) -> None:
        async def both() -> None:
            async with asyncio.timeout(CEILING), asyncio.TaskGroup() as group:
                group.create_task(self._run_on_asyncio())
                for number, call in enumerate(self.parties["coroutines"].calls):
                    task = group.create_task(self._coroutine(number, call.cost))
                    if call.cancelled is not None:
                        asyncio.get_running_loop().call_later(call.cancelled, task.cancel)

        asyncio.run(both())

    async def _run_on_asyncio(self) -> None:
        async def body(number: int) -> int:
            await asyncio.sleep(self._begin("asyncio", number))
            return number

        async with self._map("asyncio", body) as run:
            async for result in run:
                if self._had_enough("asyncio", result):
                    break

    async def _coroutine(self, number: int, cost: float) -> None:
        async with self.limiter(cost=cost):
            await asyncio.sleep(self._begin("coroutines", number))

    def _one_more(self) -> None:
        with self.limiter():
            pass

    def _map(self, name: str, body: Any) -> Any:
        calls, concurrency = self.parties[name].calls, self.parties[name].concurrency
        options: dict[str, Any] = {"cost": lambda number: calls[number].cost, "timeout": CEILING}
        return iobound.map(body, range(len(calls)), model=name, rate=self.limiter, concurrency=concurrency, **options)

    def _begin(self, name: str, number: int) -> float:
        """A call starts, and corrects what it was charged. How long it takes."""
        self.started[name].append(number)
        call = self.parties[name].calls[number]
        if call.used is not None:
            iobound.spent(call.used)
        return call.seconds

    def _had_enough(self, name: str, result: int) -> bool:
        self.got[name].append(result)
        return len(self.got[name]) == self.parties[name].results


def in_threads(*targets: Callable[[], None]) -> None:
    """Each in a thread of its own, until all have come to their end: what hangs, or raises, fails here."""
    failed: list[BaseException] = []

    def guarded(target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(target,), daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    ceiling = monotonic() + 1.5 * CEILING  # those that have a ceiling of their own may tell of it
    for thread in threads:
        thread.join(max(0.0, ceiling - monotonic()))
    if failed:
        raise BaseExceptionGroup("not all came to their end", failed)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"

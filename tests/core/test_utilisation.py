"""Ordered delivery with the default window hardly ever idles a slot, if call times vary as they usually do.

How many of the slots a window can keep busy depends on the call times: the seeds 0 to 4 allow 94 to 100 %, and
97 % together. So the promised 95 % is asked of them together, and of each that nothing is lost to what is possible.
"""

from __future__ import annotations

import random
from heapq import heappop, heappush
from math import log, sqrt
from typing import TYPE_CHECKING, Any

import pytest

import iobound
from iobound.testing import Act, AsyncScripted, Scripted, Simulated, VirtualClock, run_virtual

if TYPE_CHECKING:
    from iobound.testing import Played

ITEMS = 4_000
SLOTS = 32
VARIATION = 0.8
"""Standard deviation of the call times, in means."""
BUSY = 0.95
WINDOW = 256
"""The default of `buffersize` for ordered delivery from 32 slots."""
LOSS = 0.005
"""The share of slots that an engine may leave idle which the window would not."""
SEEDS = range(5)


def call_times(seed: int) -> list[float]:
    """Lognormal, with a mean of one second."""
    rng = random.Random(seed)
    variance = log(1 + VARIATION**2)
    return [rng.lognormvariate(-variance / 2, sqrt(variance)) for _ in range(ITEMS)]


def busy(calls: list[Played]) -> float:
    """The share of slots in use, from the first start to the last: after that there is nothing to start."""
    last = max(played.started for played in calls)
    used = sum(min(played.ended or last, last) - played.started for played in calls)
    return used / (SLOTS * last)


def possible(times: list[float]) -> float:
    """The share of slots that ordered delivery within the window keeps busy at best."""
    running: list[tuple[float, int]] = []
    done: set[int] = set()
    used, now, started, delivered = 0.0, 0.0, 0, 0
    starts: list[float] = []
    while started < ITEMS:
        while started < ITEMS and len(running) < SLOTS and started < delivered + WINDOW:
            heappush(running, (now + times[started], started))
            starts.append(now)
            started += 1
        now, index = heappop(running)
        done.add(index)
        while delivered in done:
            delivered += 1
    last = starts[-1]
    used = sum(min(start + seconds, last) - start for start, seconds in zip(starts, times, strict=True))
    return used / (SLOTS * last)


def check(shares: list[float]) -> None:
    best = [possible(call_times(seed)) for seed in SEEDS]
    assert sum(shares) / len(shares) >= BUSY
    for seed, share in zip(SEEDS, shares, strict=True):
        assert share >= best[seed] - LOSS, f"seed {seed}: {share:.3f} busy, {best[seed]:.3f} possible"


@pytest.mark.parametrize("kind", [list, iter])
def test_simulated_slots_are_busy(kind: Any) -> None:
    shares = []
    for seed in SEEDS:
        clock, times = VirtualClock(), call_times(seed)
        fetch = Scripted(lambda call, times=times: Act(times[call.index or 0]), clock=clock)
        run = iobound.map(fetch, kind(range(ITEMS)), model=Simulated(clock), concurrency=SLOTS)
        assert list(run) == list(range(ITEMS))
        assert fetch.peak == SLOTS
        shares.append(busy(fetch.calls))
    check(shares)


async def numbers():
    for number in range(ITEMS):
        yield number


@pytest.mark.parametrize("kind", [list, numbers])
def test_slots_on_a_loop_are_busy(kind: Any) -> None:
    async def main() -> list[int]:
        items = numbers() if kind is numbers else range(ITEMS)
        return [item async for item in iobound.map(fetch, items, concurrency=SLOTS)]

    shares = []
    for seed in SEEDS:
        times = call_times(seed)
        fetch = AsyncScripted(lambda call, times=times: Act(times[call.index or 0]))
        assert run_virtual(main()) == list(range(ITEMS))
        assert fetch.peak == SLOTS
        shares.append(busy(fetch.calls))
    check(shares)

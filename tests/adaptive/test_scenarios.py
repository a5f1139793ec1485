"""The adaptive limit against simulated servers: beside the best fixed limit, on several seeds each.

`IOBOUND_SEEDS=100-119` plays others: nothing was ever tuned on those.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import statistics
from functools import cache
from itertools import count
from typing import Any

import pytest
from played import Client, Played, adaptive, fixed, play

from iobound.testing import SimulatedServer


def seeds() -> list[int]:
    first, _, last = os.environ.get("IOBOUND_SEEDS", "0-4").partition("-")
    return [*range(int(first), int(last or first) + 1)]


pytestmark = [pytest.mark.parametrize("seed", seeds()), pytest.mark.usefixtures("stage")]
RETRIED = {"retry": 8}


def slots(seed: int, **server: Any) -> SimulatedServer:
    return SimulatedServer(**{"places": 40, "seconds": 0.2, "spread": 0.5, "seed": seed, **server})


@cache
def level(limit: int, lasting: float, **server: Any) -> float:
    """What the best fixed limit brings per second, once it runs."""
    return fixed(limit, lasting, lambda seed: slots(seed, **server)).rate(0.3 * lasting)


def one(server: Any, lasting: float, **more: Any) -> Played:
    changes = more.pop("changes", ())
    return play(server, lasting, Client(adaptive(), **more), changes=changes)[0]


def test_1_places(seed: int) -> None:
    best = fixed(44, 180, slots)
    played = one(slots(seed), 180)
    assert played.rate() >= 0.92 * best.rate(54)
    assert played.reached(0.9 * best.rate(54)) <= 20
    assert played.p95(90) <= 1.4 * best.p95(90)
    assert played.peak <= 200


def test_2_times_that_differ_much(seed: int) -> None:
    assert one(slots(seed, spread=1.5), 180).rate() >= 0.82 * level(44, 180, spread=1.5)


def test_3_many_places(seed: int) -> None:
    assert one(slots(seed, places=500, seconds=0.5), 120).rate() >= 0.88 * 1000


def test_4_few_places(seed: int) -> None:
    played = one(slots(seed, places=3, seconds=1.0), 300)
    assert played.rate(150) >= 0.9 * level(4, 300, places=3, seconds=1.0)
    assert min(limit for _, limit, _ in played.limits) >= 1


@pytest.mark.parametrize("before, after", [(60, 15), (15, 60)])
def test_5_places_that_come_and_go(seed: int, before: int, after: int) -> None:
    played = one(slots(seed, places=before), 240, changes=[(120, "places", after)])
    first, second = level(before + 6, 60, places=before), level(after + 4, 60, places=after)
    assert played.rate() >= 0.9 * (first + second) / 2
    assert played.reached(0.9 * second, 120) <= 30


def test_6_work_that_becomes_slower(seed: int) -> None:
    played = one(slots(seed, seconds=0.1), 240, changes=[(120, "seconds", 0.4)])
    assert played.rate(160) >= 0.9 * level(44, 120, seconds=0.4)


@pytest.mark.parametrize("after", [None, 1.0])
def test_7_a_rate(seed: int, after: float | None) -> None:
    server = slots(seed, places=400, rate=100, after=after)
    played = one(server, 240, options=RETRIED)
    assert played.rate() >= 0.97 * 100
    assert server.refused <= 0.01 * played.attempts


def test_7_a_rate_that_falls(seed: int) -> None:
    server = slots(seed, places=400, rate=200)
    played = one(server, 240, options=RETRIED, changes=[(120, "rate", 50)])
    assert played.rate() >= 0.95 * 125
    assert server.refused <= 0.02 * played.attempts


def test_8_so_many_at_a_time(seed: int) -> None:
    server = slots(seed, places=400, most=25)
    played = one(server, 180, options=RETRIED)
    assert played.rate() >= 0.93 * level(25, 60, places=400)
    assert server.refused <= 0.005 * played.attempts


@pytest.mark.parametrize(
    "limit, server",
    [
        (20, {"seconds": 0.02, "contention": (0.02, 0.0025)}),
        (6, {"seconds": 0.01, "spread": 0.6, "contention": (0.3, 0.02)}),
    ],
    ids=["shared data", "a disk"],
)
def test_9_each_call_slows_down_the_others(seed: int, limit: int, server: dict[str, Any]) -> None:
    assert one(slots(seed, **server), 90).rate() >= 0.9 * level(limit, 60, **server)


def test_9_work_after_the_call_in_one_thread(seed: int) -> None:
    """As Python code that holds the GIL is."""
    worked = one(slots(seed, places=10_000, seconds=0.1, spread=0.3), 90, around=in_one_thread())
    best = play(slots(1000, places=10_000, seconds=0.1, spread=0.3), 60, Client(44, around=in_one_thread()))[0].rate(18)
    assert worked.rate() >= 0.9 * best


def in_one_thread(cost: float = 0.0025, contention: float = 0.004) -> Any:
    """Work of each call that no other call can do meanwhile; the more wait, the longer it takes."""
    waiting, free = 0, 0.0

    def around(server: Any) -> Any:
        async def call(item: Any) -> None:
            nonlocal waiting, free
            await server(item)
            loop = asyncio.get_running_loop()
            waiting += 1
            free = max(free, loop.time()) + cost * (1 + contention * waiting)
            await asyncio.sleep(free - loop.time())
            waiting -= 1

        return call

    return around


def test_10_a_timeout_of_the_client(seed: int) -> None:
    """No collapse where calls that queue too long are given up."""
    assert one(slots(seed), 180, options={"task_timeout": 2.0}).rate() >= 0.9 * level(44, 180)


def test_11_two_clients(seed: int) -> None:
    """The second comes a minute later, and neither knows of the other."""
    first, second = play(slots(seed), 300, Client(adaptive()), Client(adaptive(), begins=60))
    mine, other = first.rate(180), second.rate(180)
    assert mine + other >= 0.97 * 200
    assert (mine + other) ** 2 / (2 * (mine**2 + other**2)) >= 0.55
    durations = sorted(first.durations[len(first.ends) // 2 :] + second.durations[len(second.ends) // 2 :])
    assert durations[len(durations) // 2] <= 7 * 0.2


def test_12_a_source_that_is_slow_at_first(seed: int) -> None:
    """What was never needed is not known: it is found when it is needed."""

    async def items() -> Any:
        rng = random.Random(seed)
        while asyncio.get_running_loop().time() < 600:
            yield 0
            await asyncio.sleep(rng.expovariate(25))
        for item in count():
            yield item

    played = one(slots(seed), 720, items=items)
    assert max(limit for at, limit, _ in [(0.0, 8, ""), *played.limits] if at < 600) <= 16
    assert played.peak <= 200
    assert played.rate(640) >= 0.9 * level(44, 60)


def test_13_errors_that_mean_nothing(seed: int) -> None:
    assert one(slots(seed, failing=0.01), 180).rate() >= 0.95 * one(slots(seed), 180).rate()


class Dark(SimulatedServer):
    """It answers nobody for half a minute."""

    async def __call__(self, item: Any) -> Any:
        if 60 <= asyncio.get_running_loop().time() < 90:
            await asyncio.sleep(1e6)
        return await super().__call__(item)


def test_14_half_a_minute_without_an_answer(seed: int) -> None:
    played = one(Dark(seed=seed), 180, options={"task_timeout": 2.0})
    assert played.reached(0.9 * level(44, 180), 90) <= 30


class Hanging(SimulatedServer):
    """One call never ends."""

    async def __call__(self, item: Any) -> Any:
        if item == 20:
            await asyncio.sleep(1e6)
        return await super().__call__(item)


def test_15_a_call_that_hangs(seed: int) -> None:
    assert one(Hanging(seed=seed), 120).rate() >= 0.9 * level(44, 180)


def test_18_servers_of_every_kind(seed: int) -> None:
    """24 of them: 3 to 300 places, 20 ms to 2 s, more or less even. One seed takes a quarter of a minute."""
    if seed and not os.environ.get("IOBOUND_TORTURE") and "IOBOUND_SEEDS" not in os.environ:
        pytest.skip("with IOBOUND_TORTURE=1, or IOBOUND_SEEDS=0-4")
    shares = sorted(_share(random.Random(f"{seed}-{number}"), number) for number in range(24))
    assert statistics.median(shares) >= 0.92
    assert shares[len(shares) // 10] >= 0.75


def _share(rng: random.Random, number: int) -> float:
    """Of what the server can do."""
    places, seconds = (
        round(math.exp(rng.uniform(math.log(3), math.log(300)))),
        math.exp(rng.uniform(math.log(0.02), math.log(2))),
    )
    server = SimulatedServer(places, seconds, rng.uniform(0.2, 1.5), wire=rng.uniform(0, 2) * seconds, seed=number)
    full = places / seconds
    time = max(200 * seconds, min(10_000 / full, 600))
    return one(server, time).rate() / full

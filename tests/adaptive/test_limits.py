"""Limits as objects: shared by runs, told to hooks, and what they are told by failures."""

from __future__ import annotations

import asyncio
import errno
import gc
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from played import Client, play

import iobound
from iobound import AdaptiveLimit, FixedLimit
from iobound.policies.adaptive import evenly
from iobound.policies.pacer import Pacer
from iobound.policies.responses import overload
from iobound.testing import Simulated, SimulatedServer, VirtualClock, run_virtual
from iobound.words.limiting import Told


class Meter:
    """How many are inside, by name, and the most that were at one time."""

    def __init__(self) -> None:
        self.inside: dict[str, int] = {}
        self.most = 0
        self.seen: list[dict[str, int]] = []

    def call(self, name: str, seconds: float) -> Any:
        async def call(item: Any) -> Any:
            self.inside[name] = self.inside.get(name, 0) + 1
            self.most = max(self.most, sum(self.inside.values()))
            self.seen.append(dict(self.inside))
            await asyncio.sleep(seconds)
            self.inside[name] -= 1
            return item

        return call


@pytest.mark.parametrize("limit", [FixedLimit(6), AdaptiveLimit(initial=6, max=6)], ids=repr)
def test_runs_that_share_a_limit_keep_within_it_and_have_equal_parts(limit: Any) -> None:
    """But for one call of a run that has just come; and who is left alone gets what the others leave."""
    meter = Meter()

    async def work(name: str, items: int, after: float) -> list[Any]:
        await asyncio.sleep(after)
        return await iobound.map(meter.call(name, 0.05), range(items), concurrency=limit)

    async def main() -> list[Any]:
        return await asyncio.gather(work("first", 400, 0), work("second", 100, 1), work("third", 100, 1))

    assert [len(each) for each in run_virtual(main())] == [400, 100, 100]
    assert 6 <= meter.most <= 8
    assert {"first": 2, "second": 2, "third": 2} in meter.seen
    assert {"first": 6} in meter.seen
    assert {"first": 6, "second": 0, "third": 0} in meter.seen


def test_a_run_that_was_dropped_leaves_its_part_to_the_others() -> None:
    limit, clock = FixedLimit(4), VirtualClock()
    dropped = iter(iobound.map(clock.sleep, [1.0] * 100, model=Simulated(clock), concurrency=limit))
    next(dropped)
    del dropped
    gc.collect()
    run = iobound.map(clock.sleep, [1.0] * 100, model=Simulated(clock), concurrency=limit)
    assert next(iter(run)) is None
    assert run.stats.limit == 4


def test_a_run_that_is_over_leaves_its_part_at_once() -> None:
    """Though somebody still holds it, to ask for its statistics."""
    limit, clock = FixedLimit(4), VirtualClock()
    runs = [iobound.map(clock.sleep, [1.0] * 8, model=Simulated(clock), concurrency=limit) for _ in range(3)]
    assert [len(list(run)) for run in runs] == [8, 8, 8]
    assert clock.now() == 6
    assert [run.stats.limit for run in runs] == [4, 4, 4]


def test_what_was_learned_stays_with_the_limit() -> None:
    limit, server = AdaptiveLimit(initial=8, max=200), SimulatedServer(seed=1)

    async def main() -> list[float]:
        times = []
        for _ in range(2):
            began = asyncio.get_running_loop().time()
            run = iobound.map(server, range(1000), concurrency=limit)
            await run
            times.append(asyncio.get_running_loop().time() - began)
        assert run.stats.limit > 16
        return times

    first, second = run_virtual(main())
    assert second < 0.9 * first


def test_hooks_and_statistics_tell_what_it_is_and_why() -> None:
    [played] = play(SimulatedServer(seed=1), 30, Client(AdaptiveLimit()))
    limits = [limit for _, limit, _ in played.limits]
    assert limits[:2] == [16, 32]
    assert played.limits[0][2] == "twice as many brought more"
    assert played.stats.limit == limits[-1]
    assert played.stats.limited_by == played.limits[-1][2]
    assert iobound.Stats().limited_by == ""


def test_without_a_pacer_calls_that_came_too_fast_become_fewer() -> None:
    """A run without `retry=` passes no gate: what it is refused is lost, but less of it."""
    server = SimulatedServer(places=400, rate=50, refusal=0.2, seed=1)
    [played] = play(server, 60, Client(AdaptiveLimit()))
    assert played.rate() >= 0.95 * 50
    assert server.refused < 0.3 * played.attempts


def test_the_rate_that_was_learned_can_be_asked_for() -> None:
    limit = AdaptiveLimit()
    assert (limit.limit, limit.rate) == (8, None)
    play(SimulatedServer(places=400, rate=50, seed=1), 30, Client(limit, {"retry": 8}))
    assert limit.rate is not None
    assert 40 <= limit.rate <= 60


def test_a_machine_without_descriptors_holds_it_down_for_a_while() -> None:
    inside = 0

    async def call(item: int) -> int:
        nonlocal inside
        if inside >= 5 and asyncio.get_running_loop().time() < 2:
            raise OSError(errno.EMFILE, "too many open files")
        inside += 1
        await asyncio.sleep(0.05)
        inside -= 1
        return item

    async def main() -> tuple[int, iobound.Stats]:
        run = iobound.map(call, range(3000), concurrency=AdaptiveLimit(max=64))
        return len(await run), run.stats

    done, stats = run_virtual(main())
    assert (done, stats.retried, stats.failed) == (3000, 0, 0)
    assert stats.limit > 8


@pytest.mark.parametrize(
    "wrong, named",
    [
        ({"initial": 0}, "initial"),
        ({"min": 9}, "min=9"),
        ({"max": 4}, "max=4"),
        ({"target_elasticity": 0}, "target_elasticity"),
        ({"latency_tolerance": 1}, "latency_tolerance"),
        ({"initial": True}, "initial"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        AdaptiveLimit(**wrong)
    assert "hint" in caught.value.__notes__[0]


@given(st.integers(1, 300), st.lists(st.integers(1, 100) | st.just(float("inf")), min_size=1, max_size=8))
def test_shares_are_even_but_for_those_who_want_less(number: int, wanted: list[float]) -> None:
    shares = evenly(number, wanted)
    assert sum(shares) == max(number, len(wanted))
    hungry = [share for share, want in zip(shares, wanted, strict=True) if share < want]
    assert not hungry or max(hungry) - min(hungry) <= 1
    for share, want in zip(shares, wanted, strict=True):
        assert share >= min(want, min(hungry, default=share))


# What failures tell -----------------------------------------------------------------------------------------


class Failed(Exception):  # noqa: N818 - it says what happened
    def __init__(self, **facts: Any) -> None:
        super().__init__("failed")
        for name, value in facts.items():
            setattr(self, name, value)


class ReadTimeout(Exception):  # noqa: N818 - as clients call it
    pass


@pytest.mark.parametrize(
    "error, told",
    [
        (Failed(status=429), Told.REFUSED),
        (Failed(status=503), Told.REFUSED),
        (Failed(status=429, headers={"Retry-After": "3"}), Told.WAIT),
        (Failed(response={"Error": {"Code": "ThrottlingException"}}), Told.REFUSED),
        (iobound.Overloaded("full"), Told.REFUSED),
        (TimeoutError(), Told.TIMED_OUT),
        (ReadTimeout(), Told.TIMED_OUT),
        (Failed(status=504), Told.TIMED_OUT),
        (Failed(status=500), None),
        (Failed(status=404), None),
        (Failed(response={"Error": {"Code": "NoSuchKey"}}), None),
        (ConnectionResetError(), None),
        (ValueError("bug"), None),
    ],
    ids=repr,
)
def test_what_a_failure_tells_about_the_load(error: Exception, told: Told | None) -> None:
    assert overload(error) is told


def test_a_pacer_is_open_until_something_is_refused_and_forgets_it_in_time() -> None:
    pacer, rng = Pacer(), random.Random(1)
    assert all(pacer.take(1, now) == 0 for now in (0.0, 0.0, 0.0))
    pacer.refused(10.0, 100.0)
    assert pacer.rate == pytest.approx(85)
    now, taken = 10.0, 0
    while now < 18:
        taken += pacer.take(1, now) == 0
        now += rng.expovariate(1000)
    assert 0.85 * 100 * 8 <= taken <= 1.01 * 100 * 8
    assert pacer.take(1, 71.0) == 0
    assert pacer.rate is None


def test_the_reason_is_true_of_the_limit_that_it_is_told_with() -> None:
    """A limit at its bound is compared with a little less now and then, which is not the most that is allowed."""
    [played] = play(SimulatedServer(places=1000, seconds=0.1), 30.0, Client(AdaptiveLimit(max=64)))
    told = {(limit, why) for _, limit, why in played.limits}
    assert {limit for limit, why in told if why == "it is the most that is allowed"} == {64}
    assert not {why for limit, why in told if limit == 64} & {"more bring more", "twice as many brought more"}
    less = {limit for limit, why in told if why == "a little less than the most that is allowed is tried"}
    assert less
    assert max(less) < 64


def test_a_limit_of_which_a_run_has_a_part_is_said_to_be_divided() -> None:
    """What a run may is not all that is allowed."""
    limit, clock = AdaptiveLimit(initial=4, min=4, max=4), VirtualClock()
    runs = [iobound.map(clock.sleep, [0.1] * 400, model=Simulated(clock), concurrency=limit) for _ in range(2)]
    for _ in zip(*runs, strict=True):
        pass
    assert runs[0].stats.limited_by == "it is the most that is allowed, divided among 2 runs"


@pytest.mark.parametrize("kind", [AdaptiveLimit, FixedLimit])
def test_the_class_in_the_place_of_an_object_is_refused_with_a_hint(kind: Any) -> None:
    """Nothing has started by then."""
    with pytest.raises(TypeError, match=r"concurrency=.*Limit is a class, not an object") as told:
        iobound.map(str, [1], concurrency=kind)
    assert "concurrency=iobound.AdaptiveLimit()" in told.value.__notes__[0]

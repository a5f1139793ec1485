"""Whoever will not start anything for now stands in nobody's way at a shared limiter."""

from __future__ import annotations

from typing import Any

import pytest
from stages import STAGES, Stage

from iobound import Limiter, Rate


async def double(item: int) -> int:
    return 2 * item


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("stage", STAGES, ids="-".join)
def test_a_run_whose_consumer_is_away_lets_others_pass(stage: tuple[str, str, str], concurrency: int) -> None:
    limiter = Limiter(Rate(1, per=1))

    async def scenario(made: Stage) -> list[Any]:
        options: dict[str, Any] = {"key": str, "ordered": False, "concurrency": concurrency}
        away = made.map(double, range(100), rate=limiter, **options)
        got = [await made.next(away)]
        other = await made.list(made.map(double, range(20), rate=limiter))
        assert other == [2 * item for item in range(20)]
        return got + await made.list(away)

    assert sorted(Stage(*stage).play(scenario)) == [2 * item for item in range(100)]


@pytest.mark.parametrize("stage", STAGES, ids="-".join)
def test_a_run_that_was_told_to_drain_lets_others_pass(stage: tuple[str, str, str]) -> None:
    limiter = Limiter(Rate(1, per=1))

    async def scenario(made: Stage) -> None:
        drained = made.map(double, range(100), rate=limiter, concurrency=3, errors="collect")
        assert (await made.next(drained)).value == 0
        drained.drain()
        assert await made.list(made.map(double, range(3), rate=limiter)) == [0, 2, 4]

    Stage(*stage).play(scenario)

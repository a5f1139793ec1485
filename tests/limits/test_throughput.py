"""What a rate allows is reached, in order, and a large cost never starves: on every model, on virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from stages import STAGES, Stage

import iobound
from iobound import Limiter, Rate
from iobound.testing import Simulated, VirtualClock

SECONDS = 2
BURST = 0.05
"""Seconds' worth that a rate gives at once: it does not count as reached."""
CALLS = {"serial": 0.0002}
"""Seconds of a call: serially, longer ones would be the bound."""


@pytest.fixture(params=STAGES, ids="-".join)
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(*request.param)


@pytest.mark.parametrize("rate", [100, 1000])
def test_what_is_allowed_is_reached_in_input_order(stage: Stage, rate: int, ledger: Any) -> None:
    items, started, times = range(SECONDS * rate), [], []

    async def body(item: int) -> int:
        started.append(item)
        times.append(stage.now())
        await stage.sleep(CALLS.get(stage.model, 0.01))
        return item

    async def scenario(stage: Stage) -> None:
        assert await stage.list(stage.map(body, items, rate=f"{rate}/s", concurrency=50)) == [*items]

    stage.play(scenario)
    assert max(times) <= (SECONDS - BURST) / 0.98
    assert ledger.excess() <= 0
    assert sorted(started) == [*items]
    assert started == [*items] or not stage.single


def test_large_costs_never_starve_beside_another_run_with_small_ones() -> None:
    """Each waits for a full bucket while the other run has something small ready at any time."""
    clock = VirtualClock()
    limiter = Limiter(Rate(100, burst=10))
    started: list[tuple[str, int]] = []

    def run(name: str, cost: Any) -> Any:
        def body(item: int) -> float:
            started.append((name, item))
            clock.sleep(0.01)
            return clock.now()

        return iobound.map(body, range(60), rate=limiter, cost=cost, model=Simulated(clock), concurrency=4)

    small, mixed = run("small", 1), run("mixed", lambda item: 60 if item % 3 == 0 else 1)
    times = list(zip(small, mixed, strict=True))
    assert [item for name, item in started if name == "small"] == [*range(60)]
    assert [item for name, item in started if name == "mixed"] == [*range(60)]
    names = [name for name, _ in started]
    alone = names.index("mixed")
    assert alone <= 10
    assert names[alone:] == ["mixed", "small"] * (60 - alone) + ["mixed"] * alone
    assert times[-1][1] == pytest.approx((60 + 40 + 20 * 60) / 100, rel=0.02)

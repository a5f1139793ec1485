"""A server that counts in a sliding window of one second: what it refuses, on every model, on virtual time."""

from __future__ import annotations

import pytest
from servers import WindowServer
from stages import STAGES, Stage

from iobound import Rate

CALLS = {"serial": 0.0}
"""Seconds of a call, where they matter: see `test_throughput`."""


@pytest.fixture(params=STAGES, ids="-".join)
def stage(request: pytest.FixtureRequest) -> Stage:
    return Stage(*request.param)


def asked(stage: Stage, server: WindowServer, rate: Rate, items: range) -> float:
    """All of them at this rate. When the last one was let in."""

    async def body(item: int) -> int:
        server.police(stage.now())
        await stage.sleep(CALLS.get(stage.model, 0.05))
        return item

    async def scenario(stage: Stage) -> None:
        run = stage.map(body, items, rate=rate, retry=8, concurrency=100)
        assert await stage.list(run) == [*items]
        assert run.stats.retried == server.seen["refused"]

    stage.play(scenario)
    return server.times[-1]


def test_at_its_rate_the_burst_is_refused_now_and_then(stage: Stage) -> None:
    server = WindowServer(100)
    asked(stage, server, Rate(100), range(1000))
    assert 0 < server.seen["refused"] <= 0.06 * 1000
    assert server.seen["requests"] == 1000 + server.seen["refused"]


@pytest.mark.parametrize("allowed", [5, 10, 100, 1000])
def test_at_95_percent_of_it_nothing_is_refused_and_little_is_lost(stage: Stage, allowed: int) -> None:
    server, items = WindowServer(allowed), range(max(20, 2 * allowed))
    last = asked(stage, server, Rate(0.95 * allowed), items)
    assert server.seen == {"requests": len(items)}
    assert last <= len(items) / allowed / 0.95

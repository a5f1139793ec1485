"""A real server that polices its rate, over real sockets; the long form is `benchmarks/rate.py`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import iobound
from iobound.lab.server import Temper, serving

aiohttp = pytest.importorskip("aiohttp")


@pytest.mark.parametrize(
    "options, most",
    [({"rate": "400/s"}, 1.0), ({"concurrency": 16, "retry": 8}, 1.2)],
    ids=["by a rate", "by Retry-After"],
)
def test_all_arrive_and_few_are_refused(options: dict[str, Any], most: float) -> None:
    requests, made = 1000, 0

    async def main(address: str) -> list[str]:
        async with aiohttp.ClientSession() as session:

            async def get(number: int) -> str:
                nonlocal made
                made += 1
                async with session.get(f"{address}/{number}") as response:
                    response.raise_for_status()
                    return await response.text()

            return await iobound.map(get, range(requests), **options)

    with serving(Temper(fastest=0.0, slowest=0.01, faults=0.0, allowed=400)) as address:
        assert asyncio.run(main(address)) == [f"page {number}" for number in range(requests)]
    assert made <= most * requests

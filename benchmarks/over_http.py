"""2,000 GETs of 50 ms by aiohttp, through iobound and through a loop written by hand around the same client.

Everything: `python benchmarks/over_http.py`
Does it run? (nothing is claimed): `python benchmarks/over_http.py --quick`

Run by the environment that has aiohttp. The server, `iobound.lab.server`, is a process of its own on the loopback
interface; it answers every request after 50 ms and spoils none. The figures are the client's.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path

from bars import Sample, at_most_times, faster
from command import request
from protocol import Plan, Table, child, measure
from report import machine_box, publish_tables

REQUESTS, DELAY = 2_000, 0.05
LIMITS = (100, 500)
Get = Callable[[str], Awaitable[str]]


async def by_hand(get: Get, urls: Iterable[str], limit: int) -> list[str]:
    """Workers that share an iterator: what the client's own documentation leads to."""
    left, pages = iter(enumerate(urls)), {}

    async def worker() -> None:
        for index, url in left:
            pages[index] = await get(url)

    await asyncio.gather(*(worker() for _ in range(limit)))
    return [pages[index] for index in sorted(pages)]


async def by_iobound(get: Get, urls: Iterable[str], limit: int) -> list[str]:
    """The same through `iobound.map`."""
    import iobound

    pages: list[str] = await iobound.map(get, urls, concurrency=limit)
    return pages


PROGRAMS = {"hand": by_hand, "iobound": by_iobound}


async def timed(program: str, address: str, requests: int, limit: int) -> Sample:
    """One program: warmed up, then timed, its answers checked."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=limit)) as session:

        async def get(url: str) -> str:
            async with session.get(url) as response:
                return await response.text()

        urls = [f"{address}/{number}" for number in range(requests)]
        await PROGRAMS[program](get, urls[:limit], limit)
        began, cpu = time.perf_counter(), time.process_time()
        pages = await PROGRAMS[program](get, urls, limit)
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert pages == [f"page {number}" for number in range(requests)]
    return {"wall_ms": 1e3 * wall, "cpu_ms": 1e3 * cpu, "python": sys.version.split()[0]}


def sample(program: str, requests: str, limit: str) -> None:
    """A fresh process, with a server of its own."""
    from iobound.lab.server import Temper, serving

    with serving(Temper(fastest=DELAY, slowest=DELAY, faults=0.0)) as address:
        print(json.dumps(asyncio.run(timed(program, address, int(requests), int(limit)))))


def table(python: Path, limit: int, plan: Plan) -> Table:
    """Both programs at one limit. The ceiling is what the delay allows: limit / 50 ms."""
    requests = plan.items(REQUESTS)
    programs = {name: partial(child, python, __file__, "sample", name, str(requests), str(limit)) for name in PROGRAMS}
    bars = [*faster("iobound", "hand", 0.95, "wall_ms"), *at_most_times("iobound", "hand", 1.05, "cpu_ms")]
    least = 1e3 * requests * DELAY / limit
    notes = (
        f"Less than {least:,.0f} ms is impossible at this limit; 3,000 requests/s would take {requests / 3:,.0f} ms."
    )
    return Table(
        f"{requests:,} GETs of 50 ms, limit {limit}", programs, "hand", ("wall_ms", "cpu_ms"), bars, notes=notes
    )


def main() -> int:
    """Measure, publish, and fail if a program did."""
    asked = request(__doc__, map(str, LIMITS))
    box = machine_box()
    tables = [measure(table(Path(sys.executable), int(limit), asked.plan), asked.plan) for limit in asked.sections]
    publish_tables("http", "HTTP", tables, box)
    return int(any(measured.failed for measured in tables))


if __name__ == "__main__":
    sys.exit(sample(*sys.argv[2:]) if sys.argv[1:2] == ["sample"] else main())

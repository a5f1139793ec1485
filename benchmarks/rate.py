"""Rates on a real clock: what is reached of what is allowed, and what a server that polices them refuses.

Everything (about two minutes): `python benchmarks/rate.py`
Does it run? (nothing is claimed): `python benchmarks/rate.py --quick`

Run by the environment that has aiohttp. `reached` is the share of the allowed starts within ten seconds; `worst window`
the most that started in any window, as a share of what the bound of `Rate` lets pass there (a thread may be late
between its admission and its start, and then two starts are nearer than their admissions). The server,
`iobound.lab.server`, is a process of its own: it allows 100 requests a second, by a bucket of one second, and refuses
more by status 429.
"""

import asyncio
import json
import sys
import time
from typing import Any

from report import RESULTS, machine_box, number
from windows import worst_window

SECONDS, RATES = 10.0, (100, 1_000)
ALLOWED, REQUESTS = 100, 2_000
TOO_MANY, REACHED = 429, 0.98


def starts_at(rate: int, seconds: float, model: str) -> list[float]:
    """When calls of no work start at a rate."""
    import iobound

    starts: list[float] = []

    def call(_: int) -> None:
        starts.append(time.monotonic())

    async def call_async(_: int) -> None:
        starts.append(time.monotonic())

    items = range(int(rate * seconds))
    for _ in iobound.map(call if model == "threads" else call_async, items, rate=f"{rate}/s", model=model):
        pass
    return starts


def reached(rate: int, seconds: float, model: str) -> dict[str, Any]:
    """One row about the clock."""
    starts = sorted(starts_at(rate, seconds, model))
    share = len(starts) / rate / (starts[-1] - starts[0] + 1 / rate)
    worst = worst_window(starts, max(1.0, rate * 0.05), rate)
    return {"rate": f"{rate}/s", "model": model, "reached": share, "worst": worst}


async def polite(options: dict[str, Any], requests: int) -> dict[str, Any]:
    """What a server that polices sees of one run."""
    import aiohttp

    import iobound
    from iobound.lab.server import Temper, serving

    made = refused = 0
    with serving(Temper(fastest=0.02, slowest=0.05, faults=0.0, allowed=ALLOWED)) as address:
        async with aiohttp.ClientSession() as session:

            async def get(item: int) -> str:
                nonlocal made, refused
                made += 1
                async with session.get(f"{address}/{item}") as response:
                    refused += response.status == TOO_MANY
                    response.raise_for_status()
                    return await response.text()

            began = time.monotonic()
            pages = await iobound.map(get, range(requests), **options)
            seconds = time.monotonic() - began
    assert pages == [f"page {item}" for item in range(requests)]
    return {"attempts": made / requests, "refused": refused, "per second": requests / seconds}


def main() -> int:
    """Measure, and publish."""
    quick = "--quick" in sys.argv
    box, seconds, requests = machine_box(), 1.0 if quick else SECONDS, 200 if quick else REQUESTS
    clock = [reached(rate, seconds, model) for rate in RATES for model in ("threads", "asyncio")]
    ways = {'rate="100/s"': {"rate": "100/s"}, "concurrency=16, retry=8": {"concurrency": 16, "retry": 8}}
    server = {name: asyncio.run(polite(options, requests)) for name, options in ways.items()}
    page = [
        "# Rates",
        "",
        ", ".join(f"{name}: {value}" for name, value in box.items()) + ".",
        "",
        "| rate | model | reached | worst window | reached >= 98 % |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {row['rate']} | {row['model']} | {row['reached']:.2%} | {row['worst']:.1%} | {verdict(row)} |"
            for row in clock
        ),
        "",
        "A thread may be late between its admission, which is bounded, and its start, which is measured: two starts",
        "may be nearer to each other than their admissions, and a window then shows more than 100 %.",
        "",
        f"A server that allows {ALLOWED} requests a second, {requests:,} requests:",
        "",
        "| options | attempts per item | refused | requests/s |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{name}` | {number(row['attempts'])} | {row['refused']} | {number(row['per second'])} |"
            for name, row in server.items()
        ),
        "",
    ]
    print("\n".join(page))
    if not quick:
        RESULTS.joinpath("rate-py3.11.md").write_text("\n".join(page), encoding="utf-8")
        facts = {"box": box, "clock": clock, "server": server}
        RESULTS.joinpath("rate-py3.11.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


def verdict(row: dict[str, Any]) -> str:
    """Whether the bar is met."""
    return "**met**" if row["reached"] >= REACHED else "**missed**"


if __name__ == "__main__":
    sys.exit(main())

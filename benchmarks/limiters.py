"""Rate limiters beside each other: worst window, reached rate, cost of a passage, and how long a large cost waits.

Everything (about two minutes): `python benchmarks/limiters.py`
Does it run? (nothing is claimed): `python benchmarks/limiters.py --quick`

On asyncio, since aiolimiter is for asyncio alone; each limiter as its documentation shows it, in a process of its own
in the environment that `peers.sh` makes. *Worst second* is the most that passed in any one second, as a share of the
rate: whoever saves up a whole second's worth lets twice the rate through after a pause. *Reached* is the share of the
allowed that passed after the first second, with 50 tasks waiting all the time. The large cost, half of what a second
allows, comes while 100 tasks of cost 1 wait, each of which comes again as soon as it has passed. *First in, first
out*: it waits for those 100, and at most for itself.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any

from command import interpreter
from protocol import HERE, AbsentError, child
from report import RESULTS, machine_box, number

Acquire = Callable[[int], Awaitable[object]]
PASSAGES, TASKS, CROWD, PATIENCE = 20_000, 50, 100, 10.0
RATES = (100, 1_000)


def by_iobound(rate: int) -> Acquire:
    """`async with limiter(cost=...)`."""
    import iobound

    limiter = iobound.Limiter(iobound.Rate(rate))

    async def acquire(cost: int) -> None:
        async with limiter(cost=cost):
            pass

    return acquire


def by_aiolimiter(rate: int) -> Acquire:
    """`await limiter.acquire(cost)`."""
    from aiolimiter import AsyncLimiter

    return AsyncLimiter(rate, 1).acquire


def by_pyrate_limiter(rate: int) -> Acquire:
    """`await limiter.try_acquire_async(name, cost)`, which waits."""
    from pyrate_limiter import Duration, Limiter, Rate

    limiter = Limiter(Rate(rate, Duration.SECOND))
    return lambda cost: limiter.try_acquire_async("item", cost)


LIMITERS = {"iobound": by_iobound, "aiolimiter": by_aiolimiter, "pyrate-limiter": by_pyrate_limiter}


async def passages(acquire: Acquire, seconds: float) -> list[float]:
    """When tasks that come again and again passed, after a pause in which a limiter may save up."""
    moments: list[float] = []
    await asyncio.sleep(1.0)
    end = time.monotonic() + seconds

    async def task() -> None:
        while time.monotonic() < end:
            await acquire(1)
            moments.append(time.monotonic())

    await asyncio.gather(*(task() for _ in range(TASKS)))
    return moments


def about_windows(moments: list[float], rate: int) -> dict[str, float]:
    """The worst second, and what was reached after the first one."""
    worst = first = 0
    for last, moment in enumerate(moments):
        while moments[first] <= moment - 1.0:
            first += 1
        worst = max(worst, last - first + 1)
    later = [moment for moment in moments if moment > moments[0] + 1.0]
    return {"worst second": worst / rate, "reached": (len(later) - 1) / (later[-1] - later[0]) / rate}


async def cost_of(acquire: Acquire, count: int) -> float:
    """CPU time of a passage that waits for nothing, in us."""
    began = time.process_time()
    for _ in range(count):
        await acquire(1)
    return (time.process_time() - began) / count * 1e6


async def wait_of_a_large_cost(acquire: Acquire, rate: int) -> float:
    """Seconds that it waits among small ones that keep coming; `PATIENCE` if it has not passed by then."""

    async def small() -> None:
        while True:
            await acquire(1)

    async def large() -> float:
        began = time.monotonic()
        await acquire(rate // 2)
        return time.monotonic() - began

    crowd = [asyncio.create_task(small()) for _ in range(CROWD)]
    await asyncio.sleep(1.5)  # what a limiter has saved up is gone
    try:
        return await asyncio.wait_for(large(), PATIENCE)
    except TimeoutError:
        return PATIENCE
    finally:
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)


def sample(name: str, seconds: float, count: int) -> dict[str, Any]:
    """Everything about one limiter."""
    make = LIMITERS[name]
    facts: dict[str, Any] = {"limiter": name}
    for rate in RATES:
        facts[f"{rate}/s"] = about_windows(asyncio.run(passages(make(rate), seconds)), rate)
    facts["cost"] = asyncio.run(cost_of(make(10**9), count))
    facts["large"] = asyncio.run(wait_of_a_large_cost(make(RATES[0]), RATES[0]))
    facts["version"] = "" if name == "iobound" else version(name)
    return facts


def row_of(name: str, seconds: float, count: int) -> list[str]:
    """One row, measured in a fresh process."""
    try:
        facts = child(interpreter(), str(HERE / "limiters.py"), "--sample", name, str(seconds), str(count))
    except AbsentError:
        return [name, *["*not installed*"] * 6]
    windows = [f"{facts[f'{rate}/s'][what]:.1%}" for what in ("worst second", "reached") for rate in RATES]
    large = f"> {PATIENCE:g} s" if facts["large"] >= PATIENCE else f"{facts['large']:.2f} s"
    return [f"{name} {facts['version']}".strip(), *windows, number(facts["cost"]), large]


def main() -> int:
    """Measure, and publish."""
    if "--sample" in sys.argv:
        name, seconds, count = sys.argv[-3:]
        try:
            print(json.dumps(sample(name, float(seconds), int(count))))
        except ModuleNotFoundError as error:
            print(json.dumps({"missing": error.name}))
        return 0
    quick, box = "--quick" in sys.argv, machine_box()
    head = ["limiter", *(f"{what}, {rate}/s" for what in ("worst second", "reached") for rate in RATES)]
    head += ["CPU us/passage", f"half of {RATES[0]}/s waits"]
    found = [row_of(name, 2.0 if quick else 6.0, PASSAGES // (10 if quick else 1)) for name in LIMITERS]
    fair = [(CROWD + own) / RATES[0] for own in (0, RATES[0] // 2)]
    lines = [
        head,
        ["---"] * len(head),
        *found,
        ["*first in, first out*", *["-"] * 5, "{:.2f} to {:.2f} s".format(*fair)],
    ]
    boxed = ", ".join(f"{name}: {value}" for name, value in box.items())
    text = "\n".join(["# Limiters", "", f"{boxed}.", "", *(f"| {' | '.join(line)} |" for line in lines), ""])
    print(text)
    if not quick:
        RESULTS.joinpath("limiters-py3.11.md").write_text(text, encoding="utf-8")
        facts = {"box": box, "rows": [dict(zip(head, line, strict=True)) for line in found]}
        RESULTS.joinpath("limiters-py3.11.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

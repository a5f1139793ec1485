"""What is weighed: resident memory with many items waiting, or with very many passing through. Linux only.

It is started by `memory.py`, with its task as JSON, and prints one sample as a line of JSON.
"""

import asyncio
import gc
import json
import os
import platform
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

WARM_UP = 100
EARLY, STEP = 50_000, 50_000
PATIENCE = 60


def resident_kib() -> float:
    """The resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 1024


def allow_descriptors(count: int) -> None:
    """Raise the soft limit of this process: iobound keeps its concurrency to what the descriptors allow."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count * 5 // 4 + 1_000
    ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, ceiling), hard))


# ---- waiting
async def weigh_waiting(start: Callable[[Callable[[int], Any], int], Any], count: int) -> float:
    """Start `count` coroutines that wait; return the memory they take, in KiB each."""
    gate, full, waiting = asyncio.Event(), asyncio.Event(), 0

    async def wait(_item: int) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == count:
            full.set()
        await gate.wait()

    gc.collect()
    before = resident_kib()
    running = asyncio.ensure_future(start(wait, count))
    try:
        await asyncio.wait_for(full.wait(), PATIENCE)
    except TimeoutError:
        raise RuntimeError(f"only {waiting} of {count} in flight") from None
    grown = resident_kib() - before
    gate.set()
    await running
    return grown / count


async def start_iobound(wait: Callable[[int], Any], count: int) -> None:
    """Have all items in flight at once in one run."""
    import iobound

    async for _ in iobound.map(wait, range(count), model="asyncio", concurrency=count):
        pass


async def start_tasks(wait: Callable[[int], Any], count: int) -> None:
    """Create a bare task for each item."""
    await asyncio.gather(*[asyncio.create_task(wait(item)) for item in range(count)])


def waiting_coroutines(start: Callable[..., Any], count: int) -> float:
    """Weigh coroutines after a small run that warms up."""
    allow_descriptors(count)

    async def main() -> float:
        await weigh_waiting(start, WARM_UP)
        return await weigh_waiting(start, count)

    return asyncio.run(main())


def waiting_threads(count: int) -> float:
    """Weigh bare threads that wait on one lock."""
    gate, full = threading.Lock(), threading.Barrier(count + 1)

    def wait() -> None:
        full.wait(PATIENCE)
        with gate:
            pass

    with gate:
        before = resident_kib()
        threads = [threading.Thread(target=wait) for _ in range(count)]
        for thread in threads:
            thread.start()
        full.wait(PATIENCE)
        grown = resident_kib() - before
    for thread in threads:
        thread.join()
    return grown / count


def waiting(kind: str, items: int) -> dict[str, Any]:
    """Report the memory of one waiting item, task or thread."""
    starts = {"iobound": start_iobound, "tasks": start_tasks}
    each = waiting_threads(items) if kind == "threads" else waiting_coroutines(starts[kind], items)
    return {"kib": each, "items": items}


# ---- passing through
class Scale:
    """Weighs the process after the first results, and then again and again."""

    def __init__(self) -> None:
        self.count = 0
        self.early = self.highest = self.last = 0.0

    def weigh(self) -> None:
        """Note the resident memory as it is now."""
        self.last = resident_kib()
        self.highest = max(self.highest, self.last)
        self.early = self.early or self.last

    def passed(self) -> None:
        """Count one result."""
        self.count += 1
        if self.count % STEP == 0:
            self.weigh()


async def noop(item: int) -> int:
    """Return at once."""
    return item


def plain_noop(item: int) -> int:
    """Return at once."""
    return item


async def passed_async(run: AsyncIterator[Any], scale: Scale) -> None:
    """Consume a run on this loop."""
    async for _ in run:
        scale.passed()


def lazy(model: str, source: str, items: int) -> dict[str, Any]:
    """Report how the memory of a run grows while `items` pass through."""
    import iobound

    numbers: Iterable[int] = range(items) if source == "range" else (number for number in range(items))
    scale = Scale()
    if model == "asyncio":
        asyncio.run(passed_async(aiter(iobound.map(noop, numbers, model=model)), scale))
    else:
        for _ in iobound.map(plain_noop, numbers, model=model):
            scale.passed()
    if scale.count != items:
        raise AssertionError(f"{scale.count} results instead of {items}")
    scale.weigh()
    return {
        "early_mib": scale.early / 1024,
        "growth_mib": (scale.last - scale.early) / 1024,
        "highest_mib": (scale.highest - scale.early) / 1024,
        "items": items,
    }


def main() -> None:
    """Print one sample as JSON."""
    task = json.loads(sys.argv[1])
    weigh: Callable[..., dict[str, Any]] = waiting if task.pop("weigh") == "waiting" else lazy
    print(json.dumps(weigh(**task) | {"python": platform.python_version()}))


if __name__ == "__main__":
    main()

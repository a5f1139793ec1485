"""What the tests of descriptors, memory and keys have run in a process of its own. Found by name, in the child."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import iobound
from iobound.lab.inside import peak_memory
from iobound.testing import run_virtual

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HELD = 0.01
"""Seconds that a file is kept open."""
USED = 0.02
"""Seconds that a buffer is used for."""
LATE = 0.7
"""Seconds for which the first item, or one of the first few, is held up."""
MB = 10**6


def hold_files(model: str, folder: str, items: int, each: int, concurrency: int) -> dict[str, Any]:
    """Open so many files at a time in every call. How many calls read all of theirs, and how often it was tried."""
    paths = [Path(folder, str(number)) for number in range(each)]
    for path in paths:
        path.write_text("text")
    tried = 0

    def opened(files: ExitStack) -> int:
        nonlocal tried
        tried += 1
        return sum(len(files.enter_context(path.open()).read()) for path in paths)

    def plain(item: int) -> int:
        with ExitStack() as files:
            read = opened(files)
            time.sleep(HELD)
            return read

    async def native(item: int) -> int:
        with ExitStack() as files:
            read = opened(files)
            await asyncio.sleep(HELD)
            return read

    fn: Any = plain if model == "threads" else native
    run = iobound.map(fn, range(items), model=model, concurrency=concurrency, errors="collect")
    whole = sum(outcome.ok and outcome.value == len("text") * each for outcome in run)
    return {"whole": whole, "failed": run.stats.failed, "retried": run.stats.retried, "tried": tried}


def fill(model: str, budget: int, size: int, kept: bool, slow: bool, late: str = "") -> dict[str, Any]:  # noqa: PLR0917 - a program
    """Make a hundred buffers of `size` MB under a budget of `budget` MB more than this process has.

    `late`: the first item comes to its end last, for it is made again ("retry"), or the second, by a rate ("key").
    """

    def made() -> bytearray:
        buffer = bytearray(size * MB)
        buffer[::4096] = b"x" * len(buffer[::4096])  # every page is there
        return buffer

    def fail(item: int) -> None:
        if late == "retry" and not item and iobound.current().attempt == 1:
            raise OSError("busy")

    def plain(item: int) -> Any:
        fail(item)
        buffer = made()
        time.sleep(USED)
        return buffer if kept else len(buffer)

    async def native(item: int) -> Any:
        fail(item)
        buffer = made()
        await asyncio.sleep(USED)
        return buffer if kept else len(buffer)

    fn: Any = plain if model == "threads" else native
    list(iobound.map(fn, [], model=model))  # what is imported for it belongs to the baseline
    before = resident()
    options: dict[str, Any] = {"model": model, "concurrency": 32, "memory": before + budget * MB, "ordered": not slow}
    if late == "retry":
        options["retry"] = iobound.Retry(wait=lambda made, error: LATE)
    elif late == "key":
        options |= {"key": lambda item: item if item > 1 else 0, "key_rate": iobound.Rate(1, per=LATE)}
    run = iobound.map(fn, range(100), **options)
    done = 0
    for result in run:
        done += (len(result) if kept else result) == size * MB
        del result
        if slow:
            time.sleep(0.005)
    return {"done": done, "peak": ((peak_memory() or 0) - before) / MB}


def meet_keys(keys: int, early: int, ordered: bool) -> dict[str, Any]:
    """Call once for each key, on virtual time. The most gates remembered, and the memory since `early` keys."""
    limiter = iobound.Limiter(key_rate="1000/s", key_concurrency=1)
    most = [0, 0]

    async def fetch(item: int) -> int:
        await asyncio.sleep(0.001)
        return item

    async def source() -> AsyncIterator[int]:  # fed on the loop: no thread, whose real time would be waited for
        for item in range(keys):
            yield item

    async def main() -> dict[str, Any]:
        limits: dict[str, Any] = {"rate": limiter, "key": lambda item: item, "lookahead": 64, "ordered": ordered}
        met = before = 0
        async for _ in iobound.map(fetch, source(), **limits):
            met += 1
            if not met % 100:
                most[:] = map(max, most, [len(gate.gates) for gate in limiter.limits.keyed])
            if met == early:
                before = resident()
        return {"met": met, "most": most, "grown": (resident() - before) / MB}

    return run_virtual(main())


def resident() -> int:
    """Bytes that this process has now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

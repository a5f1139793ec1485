"""One sample: runs one contestant in this process and prints its metrics as a line of JSON.

It is started by `tables.py`, with a `Spec` as JSON. A first small run, whose results are checked, warms up;
the second one is timed.
"""

import asyncio
import gc
import json
import os
import platform
import sys
import time
from collections.abc import AsyncIterable, Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from contestants import CONTESTANTS, PEERS, UNORDERED, Spec

WARM_UP = 2_000
HANG_SECONDS = 1.5
BEHIND = 63
"""How many items behind a hung one have to start."""


async def async_noop(item: object) -> object:
    """Return at once, without suspending."""
    return item


async def sleep0(item: object) -> object:
    """Suspend once."""
    await asyncio.sleep(0)
    return item


def noop(item: object) -> object:
    """Return at once."""
    return item


def nap(item: object) -> object:
    """Wait one millisecond."""
    time.sleep(0.001)
    return item


def read(path: str) -> bytes:
    """Read one file with as few system calls as it takes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, os.fstat(descriptor).st_size + 1)
    finally:
        os.close(descriptor)


async def read_aiofiles(path: str) -> bytes:
    """Read one file as aiofiles does: each operation on a thread of the default pool."""
    import aiofiles

    async with aiofiles.open(path, "rb") as file:
        contents: bytes = await file.read()
        return contents


WORKS: dict[str, Callable[[Any], Any]] = {
    "async_noop": async_noop,
    "sleep0": sleep0,
    "noop": noop,
    "nap": nap,
    "read": read,
    "read_aiofiles": read_aiofiles,
}


class Meter:
    """Wall and CPU time of a block: the CPU time of all threads of this process."""

    def __enter__(self) -> Self:
        gc.collect()
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu


def items_of(spec: Spec, count: int) -> Any:
    """Make a fresh source of `count` items: numbers, or the files of a folder."""
    items: list[Any] = list(range(count))
    if spec.folder:
        items = [str(path) for path in sorted(Path(spec.folder).iterdir())[:count]]
    return (item for item in items) if spec.source == "generator" else items


async def drain(results: AsyncIterable[Any]) -> int:
    """Consume an async iterable; return how many results it had."""
    count = 0
    async for _ in results:
        count += 1
    return count


def consume(results: Iterable[Any]) -> int:
    """Consume an iterable; return how many results it had."""
    count = 0
    for _ in results:
        count += 1
    return count


def timed(fn: Any, source: Any, spec: Spec) -> tuple[Meter, int]:
    """Run a program to its end, in an event loop if its consumer is async; making the loop is not timed."""
    program = CONTESTANTS[spec.program]
    if spec.consumer == "sync":
        with Meter() as meter:
            count = consume(program(fn, source, spec))
        return meter, count

    async def main() -> tuple[Meter, int]:
        with Meter() as meter:
            count = await drain(program(fn, source, spec))
        return meter, count

    return asyncio.run(main())


def collected(fn: Any, source: Any, spec: Spec) -> list[Any]:
    """Run a program to its end; return its values, taken out of outcomes."""
    program = CONTESTANTS[spec.program]
    if spec.consumer == "sync":
        return [getattr(result, "value", result) for result in program(fn, source, spec)]

    async def main() -> list[Any]:
        return [getattr(result, "value", result) async for result in program(fn, source, spec)]

    return asyncio.run(main())


def warm_up(spec: Spec) -> None:
    """Run a little of it; a program that loses, repeats or reorders results is no competitor."""
    count = min(spec.items, WARM_UP)
    fn = WORKS[spec.work]
    values = collected(fn, items_of(spec, count), spec)
    wanted: list[Any] = [read(path) for path in items_of(spec, count)] if spec.folder else list(range(count))
    if not spec.ordered or spec.program in UNORDERED:
        values, wanted = sorted(values), sorted(wanted)
    if values != wanted:
        raise AssertionError("wrong results")


def hanging(spec: Spec, started: list[float]) -> Callable[[int], int]:
    """Make a function that notes when it was called with each item, and hangs on one of them."""

    def call(item: int) -> int:
        started[item] = time.perf_counter()
        if item == spec.hang_at:
            time.sleep(HANG_SECONDS)
        return item

    return call


def sample_of(spec: Spec) -> dict[str, Any]:
    """Run `spec` and report its metrics per item."""
    started = [0.0] * (spec.items if spec.work == "hang" else 0)
    fn = hanging(spec, started) if started else WORKS[spec.work]
    if not started:
        warm_up(spec)
    meter, count = timed(fn, items_of(spec, spec.items), spec)
    if count != spec.items:
        raise AssertionError(f"{count} results instead of {spec.items}")
    sample = {"cpu_us": meter.cpu / count * 1e6, "wall_us": meter.wall / count * 1e6, "items": count}
    if started:
        behind = started[spec.hang_at + 1 : spec.hang_at + 1 + BEHIND]
        sample["delay_ms"] = (max(behind) - started[spec.hang_at]) * 1e3
    return sample


def main() -> None:
    """Print one sample as JSON."""
    spec = Spec(**json.loads(sys.argv[1]))
    try:
        sample = sample_of(spec)
    except ModuleNotFoundError as error:
        if error.name not in PEERS:
            raise
        sample = {"missing": error.name}
    else:
        sample["python"] = platform.python_version()
        if spec.program in PEERS:
            sample["version"] = version(spec.program)
    print(json.dumps(sample))


if __name__ == "__main__":
    main()

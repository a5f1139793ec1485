"""The workloads that `regret.py` tries the defaults on: files, storage, servers, CPU, subprocesses.

A workload gives a function of a number; what is mapped are the numbers 0, 1, 2, ... It is a context manager, so that a
server ends with the sample that it serves. Only the other side is made up; all waiting is real.
"""

import hashlib
import os
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sample import read
from slow_storage import mounted
from zoo_servers import NEVER, Manner, serving

SMALL, LARGE = (2_000, 4 << 10), (64, 1 << 20)
"""How many files, and of how many bytes."""
BUFFER = 1 << 20
MILLISECOND = 1e-3

Plain = Callable[[int], Any]
Coroutine = Callable[[int], Awaitable[Any]]


@dataclass(frozen=True)
class Errand:
    """One sample, as the parent orders it of a fresh process."""

    workload: str
    program: str
    """"auto" (no options), a model with its concurrency, or a peer."""
    concurrency: int
    items: int
    """0: as many as there is time for."""
    seconds: float
    """Then it is cut short."""
    spin: int
    """Turns of an empty loop that take this machine a millisecond."""
    folder: str = ""
    fuse: bool = False
    half: int = 0
    """Where the work changes in the middle and `items` is 0: only this half of it, 1 or 2."""

    @property
    def change_at(self) -> int:
        """The first item of the second half."""
        return {0: self.items // 2, 1: NEVER, 2: 0}[self.half]


Work = Callable[[Errand], AbstractContextManager[Plain] | AbstractAsyncContextManager[Coroutine]]


@dataclass(frozen=True)
class Workload:
    """One species: what it does, and how long a call of it takes by itself, in seconds."""

    about: str
    work: Work
    call: float
    files: tuple[int, int] | None = None
    asynchronous: bool = False
    changes: bool = False
    """In the middle. Its halves are searched apart, and the oracle is the best for both together."""
    options: dict[str, Any] = field(default_factory=dict)
    """For auto and oracle alike."""
    slice: float = 0.7
    """Seconds of the first trial of every candidate."""


def busy(turns: float) -> None:
    """Hold the GIL for so many turns."""
    for _ in range(int(turns)):
        pass


def turns_per_millisecond() -> int:
    """How many turns of `busy` this machine makes in a millisecond: the fastest of many tries."""
    turns = 50_000
    times = []
    for _ in range(200):
        began = time.perf_counter()
        busy(turns)
        times.append(time.perf_counter() - began)
    return int(turns / min(times) * MILLISECOND)


def paths(folder: str) -> list[str]:
    """The files of a folder."""
    return [str(path) for path in sorted(Path(folder).iterdir())]


@contextmanager
def reading(errand: Errand) -> Iterator[Plain]:
    """Read files in turn, which are in the page cache."""
    files = paths(errand.folder)
    yield lambda number: read(files[number % len(files)])


@contextmanager
def writing(errand: Errand) -> Iterator[Plain]:
    """Write files in turn, over those that are there. Nothing is flushed to the disk."""
    files, content = paths(errand.folder), bytes(SMALL[1])

    def write(number: int) -> None:
        with open(files[number % len(files)], "wb", buffering=0) as file:  # noqa: PTH123 - as fast as it gets
            file.write(content)

    yield write


@contextmanager
def opening(errand: Errand, delay: float) -> Iterator[Plain]:
    """Read files of a storage that needs so many seconds to open one."""
    if errand.fuse:
        with mounted(errand.folder, delay) as mount:
            files = [str(Path(mount, Path(path).name)) for path in paths(errand.folder)]
            yield lambda number: read(files[number % len(files)])
        return
    files = paths(errand.folder)

    def wait_and_read(number: int) -> bytes:
        time.sleep(delay)
        return read(files[number % len(files)])

    yield wait_and_read


@contextmanager
def computing(errand: Errand, milliseconds: float) -> Iterator[Plain]:
    """Compute in Python, which holds the GIL."""
    turns = errand.spin * milliseconds
    yield lambda _number: busy(turns)


@contextmanager
def crunching(_errand: Errand, crunch: Callable[[bytes], Any]) -> Iterator[Plain]:
    """Compute in C, which lets go of the GIL."""
    buffer = os.urandom(BUFFER // 4) * 4
    yield lambda _number: crunch(buffer)


@contextmanager
def mixing(errand: Errand) -> Iterator[Plain]:
    """Read a file, compute for 0.3 ms, wait for 5 ms."""
    files, turns = paths(errand.folder), errand.spin * 0.3

    def mix(number: int) -> None:
        read(files[number % len(files)])
        busy(turns)
        time.sleep(5 * MILLISECOND)

    yield mix


@contextmanager
def spawning(_errand: Errand) -> Iterator[Plain]:
    """Run a program that does nothing."""
    yield lambda _number: subprocess.run(["true"], check=True)  # noqa: S607 - wherever it is


@asynccontextmanager
async def getting(errand: Errand, manners: Sequence[Manner]) -> AsyncIterator[Coroutine]:
    """GET pages by aiohttp. Its pool has no limit, but for a peer that sets none of its own: it is used as it comes."""
    from aiohttp import ClientSession, TCPConnector

    pool = TCPConnector() if errand.program == "gather" else TCPConnector(limit=0)
    with serving(manners, errand.change_at if len(manners) > 1 else NEVER) as address:
        async with ClientSession(connector=pool) as session:

            async def get(number: int) -> str:
                async with session.get(f"{address}/{number}") as response:
                    response.raise_for_status()
                    return await response.text()

            yield get


def storage(milliseconds: int) -> Workload:
    """Files that take a while to open."""
    call = milliseconds * MILLISECOND
    about = f"read a file of 4 KiB, {milliseconds} ms to open"
    return Workload(about, partial(opening, delay=call), call, SMALL)


def http(about: str, *manners: Manner, **settings: Any) -> Workload:
    """Requests to one server."""
    call = max(manner.delay for manner in manners)
    work = partial(getting, manners=manners)
    return Workload(about, work, call, asynchronous=True, changes=len(manners) > 1, **settings)


def cpu(milliseconds: int) -> Workload:
    """Python code."""
    call = milliseconds * MILLISECOND
    return Workload(f"Python code, {milliseconds} ms", partial(computing, milliseconds=milliseconds), call)


ZOO = {
    "small-files": Workload("read a cached file of 4 KiB", reading, 10e-6, SMALL),
    "large-files": Workload("read a cached file of 1 MiB", reading, 200e-6, LARGE),
    "writing": Workload("write a file of 4 KiB, not flushed", writing, 30e-6, SMALL),
    "storage-1ms": storage(1),
    "storage-5ms": storage(5),
    "storage-50ms": storage(50),
    "http-5ms": http("GET, 5 ms", Manner(0.005)),
    "http-50ms": http("GET, 50 ms", Manner(0.05)),
    "http-500ms": http("GET, 500 ms", Manner(0.5), slice=2.0),
    "slots": http("GET, 50 ms, 20 slots", Manner(0.05, slots=20)),
    "quota": http(
        "GET, 50 ms, more than 100/s refused",
        Manner(0.05, allowed=100),
        options={"retry": 8, "errors": "collect"},
        slice=2.0,
    ),
    "collapse": http("GET, 20 ms, collapses above 32 at a time", Manner(0.02, knee=32)),
    "gil-1ms": cpu(1),
    "gil-20ms": cpu(20),
    "sha256": Workload("sha256 of 1 MiB", partial(crunching, crunch=lambda b: hashlib.sha256(b).digest()), 1e-3),
    "zlib": Workload("compress 1 MiB, level 1", partial(crunching, crunch=lambda b: zlib.compress(b, 1)), 20e-3),
    "mixed": Workload("read 4 KiB, 0.3 ms of Python, wait 5 ms", mixing, 5.3e-3, SMALL),
    "subprocess": Workload("run `true`", spawning, 1e-3),
    "slows-down": http("GET, 5 ms, from the middle on 50 ms", Manner(0.005), Manner(0.05)),
    "loses-slots": http("GET, 50 ms, 60 slots, from the middle on 15", Manner(0.05, slots=60), Manner(0.05, slots=15)),
}
"""By the names that `--only` takes."""
QUICK = ("small-files", "storage-5ms", "http-50ms", "gil-1ms", "mixed")
"""What `--quick` tries."""

if sys.platform != "linux":
    ZOO.pop("subprocess")  # `true` is a file of its own only where the system has one

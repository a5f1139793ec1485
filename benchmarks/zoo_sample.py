"""One sample of the zoo: does an errand in this process, and prints what came of it as a line of JSON.

It is started by `regret.py`, with an `Errand` as JSON. Goodput is results per second from first use to the last one
delivered, failures not counted; an errand without `items`, or one that takes too long, is cut short.
"""

import asyncio
import gc
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from importlib.metadata import version
from itertools import count
from threading import Timer
from typing import Any

from protocol import Machine
from zoo import ZOO, Coroutine, Errand, Plain, Workload

ENDLESS = 1 << 40
"""Items of an errand that is cut by time alone."""
MARKS = 16
"""How often a whole errand is looked at on its way."""
ABSENT = ("aiohttp", "joblib")
"""What may be missing."""


class Course:
    """What became of a run, and when.

    The middle is where half of the calls had succeeded, not where half of the results had been delivered: in order, one
    late call holds back all behind it, and then half of them come at once.
    """

    def __init__(self, errand: Errand, collects: bool) -> None:
        self.collects = collects
        self.items = errand.items
        self.half = errand.items // 2
        self.delivered = self.good = 0
        self.succeeded = count(1)
        self.middle: float | None = None
        self.step = max(1, errand.items // MARKS) if errand.items else ENDLESS
        self.limits: list[int] = []
        gc.collect()
        self.cpu, self.machine = time.process_time(), Machine()
        self.seconds, self.cut = errand.seconds, False
        self.began = self.at = time.perf_counter()

    @contextmanager
    def timed(self, run: Any) -> Iterator[None]:
        """Consume the run in this block: it is cut short when the time is up, whether or not anything was delivered."""
        timer = Timer(self.seconds, self.cut_short, [run])
        timer.daemon = True
        timer.start()
        try:
            yield
        except RuntimeError:
            if not self.cut:
                raise
        finally:
            timer.cancel()

    def cut_short(self, run: Any) -> None:
        """Whatever is done by now counts, delivered or not: in order, much of so little may not be."""
        self.at, self.good, self.cut = time.perf_counter(), next(self.succeeded) - 1, True
        run.cancel()

    def counted(self, fn: Plain) -> Plain:
        """The function, its successes counted: 0.1 us a call, for whoever makes it."""

        def call(number: int) -> Any:
            value = fn(number)
            if next(self.succeeded) == self.half:  # an atomic step, in whatever thread
                self.middle = time.perf_counter()
            return value

        return call

    def counted_async(self, fn: Coroutine) -> Coroutine:
        """The same for a coroutine function."""

        async def call(number: int) -> Any:
            value = await fn(number)
            if next(self.succeeded) == self.half:
                self.middle = time.perf_counter()
            return value

        return call

    def passed(self, result: Any, run: Any) -> None:
        """A result was delivered."""
        if self.cut:
            return
        self.delivered += 1
        self.good += result.ok if self.collects else 1
        if not self.delivered % self.step:
            self.limits.append(run.stats.limit)

    def sample(self, run: Any) -> dict[str, Any]:
        """All about it. One that was cut before its middle has a second half no better than the whole."""
        if not self.cut:
            self.at = time.perf_counter()
        seconds, stats = self.at - self.began, run.stats
        whole = self.good / seconds
        second = whole if self.middle is None else (self.good - self.half) / max(1e-9, self.at - self.middle)
        return {
            "whole": whole,
            "second": second,
            "seconds": seconds,
            "cut": self.cut,
            "failed": stats.failed,
            "model": getattr(stats, "model", ""),
            "limit": stats.limit,
            "limited_by": stats.limited_by,
            "limits": self.limits,
            "cpu": (time.process_time() - self.cpu) / seconds,
            "busy": self.machine.busy(),
        }


def options_of(errand: Errand, workload: Workload) -> dict[str, Any]:
    """None for auto, but those that belong to the workload."""
    options = dict(workload.options)
    if errand.program != "auto":
        options["model"] = errand.program
    if errand.program not in ("auto", "serial"):
        options["concurrency"] = errand.concurrency
    return options


def plain_run(fn: Plain, errand: Errand, options: dict[str, Any]) -> dict[str, Any]:
    """Through `iobound.map`, with a plain `for`."""
    import iobound

    course = Course(errand, "errors" in options)
    run = iobound.map(course.counted(fn), range(errand.items or ENDLESS), **options)
    with course.timed(run):
        for result in run:
            course.passed(result, run)
    return course.sample(run)


async def async_run(fn: Coroutine, errand: Errand, options: dict[str, Any]) -> dict[str, Any]:
    """Through `iobound.map`, with an `async for`."""
    import iobound

    course = Course(errand, "errors" in options)
    run = iobound.map(course.counted_async(fn), range(errand.items or ENDLESS), **options)
    with course.timed(run):
        async for result in run:
            course.passed(result, run)
    return course.sample(run)


def executed(fn: Plain, errand: Errand) -> Iterator[Any]:
    """`ThreadPoolExecutor`, as it comes."""
    with ThreadPoolExecutor() as pool:
        yield from pool.map(fn, range(errand.items))


def to_threads(fn: Plain, errand: Errand) -> list[Any]:
    """`asyncio.to_thread` for every item, and `gather`."""

    async def gathered() -> list[Any]:
        return await asyncio.gather(*(asyncio.to_thread(fn, number) for number in range(errand.items)))

    return asyncio.run(gathered())


def by_joblib(fn: Plain, errand: Errand) -> list[Any]:
    """`joblib.Parallel`, told to use threads and as many as it finds good: by default it has one worker."""
    from joblib import Parallel, delayed

    return Parallel(n_jobs=-1, prefer="threads")(delayed(fn)(number) for number in range(errand.items))


PLAIN_PEERS = {"ThreadPoolExecutor()": executed, "asyncio.to_thread": to_threads, "joblib": by_joblib}
ASYNC_PEERS = ("gather",)


def plain_peer(fn: Plain, errand: Errand) -> dict[str, Any]:
    """Another library's default."""
    if errand.program == "joblib":
        import joblib  # noqa: F401 - not in the time
    began = time.perf_counter()
    results = sum(1 for _ in PLAIN_PEERS[errand.program](fn, errand))
    return {"whole": results / (time.perf_counter() - began)}


async def async_peer(fn: Coroutine, errand: Errand) -> dict[str, Any]:
    """`gather`, which starts everything at once."""
    began = time.perf_counter()
    results = await asyncio.gather(*map(fn, range(errand.items)), return_exceptions=True)
    good = sum(not isinstance(result, BaseException) for result in results)
    return {"whole": good / (time.perf_counter() - began)}


async def on_a_loop(work: AbstractAsyncContextManager[Coroutine], errand: Errand, workload: Workload) -> dict[str, Any]:
    """Do an errand whose function is async."""
    async with work as fn:
        if errand.program in ASYNC_PEERS:
            return await async_peer(fn, errand)
        return await async_run(fn, errand, options_of(errand, workload))


def sample_of(errand: Errand) -> dict[str, Any]:
    """Do an errand."""
    workload = ZOO[errand.workload]
    work = workload.work(errand)
    if isinstance(work, AbstractAsyncContextManager):
        return asyncio.run(on_a_loop(work, errand, workload))
    with work as fn:
        if errand.program in PLAIN_PEERS:
            return plain_peer(fn, errand)
        return plain_run(fn, errand, options_of(errand, workload))


def main() -> None:
    """Print one sample as JSON."""
    errand = Errand(**json.loads(sys.argv[1]))
    try:
        sample = sample_of(errand)
    except ModuleNotFoundError as error:
        if error.name not in ABSENT:
            raise
        sample = {"missing": error.name}
    else:
        sample["python"] = platform.python_version()
        if errand.program == "joblib":
            sample["version"] = version("joblib")
    print(json.dumps(sample), flush=True)
    os._exit(0)  # calls that were left behind may last


if __name__ == "__main__":
    main()

"""One sample of the zoo: does an errand in this process, and prints what came of it as a line of JSON.

It is started by `regret.py`, with an `Errand` as JSON.
"""

import asyncio
import json
import os
import platform
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from importlib.metadata import version
from typing import Any

from course import ENDLESS, Course
from protocol import LateError
from zoo import ZOO, Coroutine, Errand, Plain, Workload

ABSENT = ("aiohttp", "joblib")
"""What may be missing."""


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

    course = Course(errand, collects="errors" in options)
    run = iobound.map(course.counted(fn), range(errand.items or ENDLESS), **options)
    with course.timed(run):
        for result in run:
            course.passed(result, run)
    return course.sample(run)


async def async_run(fn: Coroutine, errand: Errand, options: dict[str, Any]) -> dict[str, Any]:
    """Through `iobound.map`, with an `async for`."""
    import iobound

    course = Course(errand, collects="errors" in options)
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
    """Another library's default. It has no stop: a call that it makes after the end of the time ends it."""
    if errand.program == "joblib":
        import joblib  # noqa: F401 - not in the time
    course = Course(errand)
    counted = course.counted(fn)

    def call(number: int) -> Any:
        if course.late:
            raise LateError
        return counted(number)

    with suppress(LateError):
        for _ in PLAIN_PEERS[errand.program](call, errand):
            pass
    return {"whole": course.rate}


async def async_peer(fn: Coroutine, errand: Errand) -> dict[str, Any]:
    """`gather`, which starts everything at once."""
    course = Course(errand)
    counted = course.counted_async(fn)

    async def call(number: int) -> Any:
        if course.late:
            raise LateError
        return await counted(number)

    running = asyncio.gather(*map(call, range(errand.items)), return_exceptions=True)
    with suppress(TimeoutError):
        await asyncio.wait_for(running, errand.seconds)
    return {"whole": course.rate}


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

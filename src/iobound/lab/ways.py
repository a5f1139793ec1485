"""The ways in which the demo copies and hashes files: textbook programs, a plain loop, and iobound.

`walk` runs in a child (see `iobound.lab.child`): it goes one way through all files, and accounts for every one.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import iobound
from iobound.lab.textbook import Job, Results, copy, gather_all, gather_ten, thread_per_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


class Way(NamedTuple):
    """One row of the table: a program, and what it must import."""

    program: Callable[[list[Job]], Results]
    needs: tuple[str, ...] = ()
    may_fail: bool = False
    """Whether a failure of it is something to show, not something wrong."""


def numbered(job: tuple[int, Job]) -> tuple[int, str]:
    """The work, for results that come as completed."""
    index, item = job
    return index, copy(item)


def as_completed(jobs: list[Job]) -> Results:
    """iobound, which hands out each result as soon as it is there; the caller sorts."""
    results = dict(iobound.map(numbered, enumerate(jobs), ordered=False))
    return [results.get(index) for index in range(len(jobs))]


async def copy_beside(job: Job) -> str:
    """The work, for coroutines, without any library: one hop to a thread and back for the whole file."""
    return await asyncio.to_thread(copy, job)


WAYS = {
    "a plain loop": Way(lambda jobs: [copy(job) for job in jobs]),
    "iobound": Way(lambda jobs: list(iobound.map(copy, jobs))),
    "iobound, ordered=False": Way(as_completed),
    'iobound, model="serial"': Way(lambda jobs: list(iobound.map(copy, jobs, model="serial"))),
    "iobound, async + to_thread": Way(lambda jobs: list(iobound.map(copy_beside, jobs)), ("iobound.models.asyncio",)),
    "textbook: a thread per file": Way(thread_per_file, may_fail=True),
    "textbook: gather + aiofiles": Way(gather_all, ("aiofiles",), may_fail=True),
    "textbook: gather + Semaphore(10)": Way(gather_ten, ("aiofiles",), may_fail=True),
}


def walk(way: str, sources: list[str], folder: str) -> dict[str, Any]:
    """Copy all sources into `folder`, by number: how many were done and failed, the first error, the answer."""
    jobs = [Job(source, f"{folder}/{number}") for number, source in enumerate(sources)]
    died: list[BaseException] = []
    threading.excepthook = lambda fate: died.append(fate.exc_value or SystemExit())
    results = WAYS[way].program(jobs)
    errors = [result for result in results if isinstance(result, BaseException)] + died
    done = sum(isinstance(result, str) for result in results)
    return {
        "done": done,
        "failed": len(jobs) - done,
        "error": f"{type(errors[0]).__name__}: {errors[0]}" if errors else None,
        "answer": digest(results),
    }


def digest(results: Iterable[object]) -> str:
    """One hash over all results, in their order."""
    return hashlib.sha256("\n".join(map(str, results)).encode()).hexdigest()


def answer(files: Iterable[Path]) -> str:
    """What every way must come to, by a loop that could not be plainer; also what must be in the copies."""
    return digest(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)

"""Three programs as textbooks have them: many files at once, and nothing that holds them back.

Each is given jobs, every one a file to read and a place to write it to, and gives the SHA-256 of each file. Results
stand in the order of the jobs; one that failed has its exception there, or None where a thread died of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from threading import Thread
from typing import NamedTuple


class Job(NamedTuple):
    """Read `source`, hash it, write it to `target`."""

    source: str
    target: str


Results = list[str | BaseException | None]


def copy(job: Job) -> str:
    """The work, for threads and plain loops."""
    content = Path(job.source).read_bytes()
    Path(job.target).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


async def copy_aiofiles(job: Job) -> str:
    """The work, for asyncio."""
    import aiofiles  # noqa: PLC0415 - only these programs need it

    async with aiofiles.open(job.source, "rb") as file:
        content = await file.read()
    async with aiofiles.open(job.target, "wb") as file:
        await file.write(content)
    return hashlib.sha256(content).hexdigest()


def thread_per_file(jobs: list[Job]) -> Results:
    """Start a thread for every file, join them all."""
    results: Results = [None] * len(jobs)

    def work(index: int) -> None:
        results[index] = copy(jobs[index])

    threads = [Thread(target=work, args=(index,)) for index in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def gather_all(jobs: list[Job]) -> Results:
    """Gather a coroutine for every file."""

    async def main() -> Results:
        return await asyncio.gather(*[copy_aiofiles(job) for job in jobs], return_exceptions=True)

    return asyncio.run(main())


def gather_ten(jobs: list[Job]) -> Results:
    """The same, of which a semaphore lets ten through at a time."""

    async def main() -> Results:
        semaphore = asyncio.Semaphore(10)

        async def bounded(job: Job) -> str:
            async with semaphore:
                return await copy_aiofiles(job)

        return await asyncio.gather(*[bounded(job) for job in jobs], return_exceptions=True)

    return asyncio.run(main())

"""A call that keeps an event loop from going on is named. On real loops, which really stand still for a while."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest

import iobound
from iobound.testing import run_virtual

LATE, BLOCKED = 0.5, 0.35
"""Seconds after which the loop is watched for certain, and those that a call blocks it for."""


class Work:
    """Calls that wait, of which those that start late enough block the loop, each for so many seconds."""

    def __init__(self, seconds: float = BLOCKED, times: int = 2) -> None:
        self.began, self.seconds, self.left = time.monotonic(), seconds, times

    async def __call__(self, item: int) -> int:
        await asyncio.sleep(0.02)
        if self.left and time.monotonic() - self.began > LATE:
            self.left -= 1
            time.sleep(self.seconds)
        return item


def line_of(text: str) -> int:
    """Where it stands in this file."""
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def of_a_run(work: Any, consumer: str) -> list[int]:
    run = iobound.map(work, range(160), concurrency=4)
    if consumer == "for":
        return list(run)

    async def main() -> list[int]:
        return await run

    return asyncio.run(main())


@pytest.mark.parametrize("consumer", ["for", "await"])
def test_it_is_named_once_with_its_line_and_the_remedy(consumer: str) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert of_a_run(Work(), consumer) == [*range(160)]
    [warning] = said
    assert warning.category is iobound.BlockingLoopWarning
    assert (warning.filename, warning.lineno) == (__file__, line_of("time.sleep(self.seconds)"))
    assert "blocked the event loop for more than 0." in str(warning.message)
    assert "\nhint: " in str(warning.message)


def test_nobody_is_blamed_for_waiting() -> None:
    assert of_a_run(Work(times=0), "await") == [*range(160)]  # warnings are errors here


def test_other_code_on_the_loop_is_not_ours() -> None:
    async def main() -> list[int]:
        async def rude() -> None:
            await asyncio.sleep(LATE)
            time.sleep(BLOCKED)

        task = asyncio.create_task(rude())
        values = await iobound.map(Work(times=0), range(160), concurrency=4)
        await task
        return values

    assert asyncio.run(main()) == [*range(160)]


def test_who_turns_warnings_into_errors_sees_the_run_fail() -> None:
    with pytest.raises(iobound.BlockingLoopWarning, match="blocked the event loop"):
        of_a_run(Work(), "for")


def test_no_time_is_watched_that_somebody_else_moves() -> None:
    async def call(item: int) -> int:
        await asyncio.sleep(1)
        if item == 50:
            time.sleep(0.3)
        return item

    async def main() -> list[int]:
        return await iobound.map(call, range(60), concurrency=4)

    assert run_virtual(main()) == [*range(60)]


def test_nothing_is_left_and_nothing_kept_alive() -> None:
    run = iobound.map(Work(times=0), range(10_000), concurrency=4)
    began = time.monotonic()
    for _ in run:
        if time.monotonic() - began > LATE:
            break
    assert any(thread.name == "iobound watch" for thread in threading.enumerate())
    gone = weakref.ref(run)
    del run
    gc.collect()
    assert gone() is None
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("iobound") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)

"""For tests of `iobound.Executor`: valves that hold calls, threads that are seen to block, child processes.

Nothing sleeps: whoever waits, waits for something, at most `CEILING` seconds, and then fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

import iobound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CEILING = 10.0


class Valve:
    """Calls of `wait` end when it is opened; `entered` says how many there were."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)

    def wait(self, value: Any = None) -> Any:
        """A call that hangs until the valve is opened."""
        self.entered.release()
        assert self.opened.wait(CEILING)
        return value

    def await_calls(self, count: int) -> None:
        """Until so many calls are inside."""
        for _ in range(count):
            assert self.entered.acquire(timeout=CEILING)


class Aside:
    """Something done in a thread of its own, which may block."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.action = action
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.value = self.action()
        except BaseException as error:
            self.error = error

    def result(self) -> Any:
        """What it came to."""
        self.thread.join(CEILING)
        assert not self.thread.is_alive(), "it still blocks"
        if self.error is not None:
            raise self.error
        return self.value


def await_true(condition: Callable[[], object]) -> None:
    """Until it holds."""
    pause, deadline = threading.Event(), monotonic() + CEILING
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.001)


def blocked_submit(pool: iobound.Executor, fn: Callable[..., Any], *args: Any) -> Aside:
    """A thread that is inside `submit`, and waits there."""
    line = pool._pool.blocked
    before = len(line)
    aside = Aside(lambda: pool.submit(fn, *args))
    await_true(lambda: len(line) > before)
    return aside


@pytest.fixture
def valve() -> Iterator[Valve]:
    """A valve that is open at the end, whatever happens."""
    valve = Valve()
    yield valve
    valve.opened.set()


@pytest.fixture
def aside() -> type[Aside]:
    return Aside


@pytest.fixture
def blocked() -> Callable[..., Aside]:
    return blocked_submit


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    return await_true


@pytest.fixture
def make_pool() -> Iterator[Callable[..., iobound.Executor]]:
    """Executors that are shut down at the end."""
    made: list[iobound.Executor] = []

    def make(*args: Any, **keywords: Any) -> iobound.Executor:
        made.append(iobound.Executor(*args, **keywords))
        return made[-1]

    yield make
    for pool in made:
        pool.shutdown(wait=False, cancel_futures=True)


@pytest.fixture
def child() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program in a fresh interpreter; it must end in time."""

    def run(program: str, *args: str) -> subprocess.CompletedProcess[str]:
        source = Path(iobound.__file__).parents[1]
        return subprocess.run(
            [sys.executable, "-W", "error", "-c", program, *args],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
            env={**os.environ, "PYTHONPATH": str(source)},
        )

    return run

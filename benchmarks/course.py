"""What became of a run, and when: the figures of a sample of the zoo.

Goodput is results per second from first use to the last one delivered, failures not counted. A run that is to last for
some time, or that takes too long, is cut short: then what is done counts, delivered or not.
"""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Timer
from typing import Any

from protocol import Machine
from zoo import Coroutine, Errand, Plain

ENDLESS = 1 << 40
"""Items of a run that is ended by time alone."""
LOOKS, MARKS = 16, 128
"""How often, on the way of a run of so many items, its limit is looked at, and the time."""


class Course:
    """Watches a run. Its time begins with this object."""

    def __init__(self, errand: Errand, *, collects: bool = False) -> None:
        self.collects = collects
        self.delivered = self.good = 0
        self.succeeded = count(1)
        self.limits: list[int] = []
        every = errand.items or ENDLESS
        self.look, self.mark = max(1, every // LOOKS), max(1, every // MARKS)
        self.cut: tuple[float, int] | None = None
        """When it was cut short, and how much had succeeded."""
        gc.collect()
        self.cpu, self.machine = time.process_time(), Machine()
        self.seconds, self.began = errand.seconds, time.perf_counter()
        self.marks = [(0, self.began)]
        """So many successes, and when."""

    def counted(self, fn: Plain) -> Plain:
        """The function, its successes counted: 0.1 us a call, whoever makes it."""

        def call(item: int) -> Any:
            value = fn(item)
            self._count()
            return value

        return call

    def counted_async(self, fn: Coroutine) -> Coroutine:
        """The same for a coroutine function."""

        async def call(item: int) -> Any:
            value = await fn(item)
            self._count()
            return value

        return call

    def _count(self) -> None:
        number = next(self.succeeded)  # an atomic step, in whatever thread
        if not number % self.mark:
            self.marks.append((number, time.perf_counter()))

    @contextmanager
    def timed(self, run: Any) -> Iterator[None]:
        """Consume the run in this block: it ends when the time is up, whether or not anything was delivered."""
        timer = Timer(self.seconds, self._cut_short, [run])
        timer.daemon = True
        timer.start()
        try:
            yield
        except RuntimeError:
            if self.cut is None:
                raise
        finally:
            timer.cancel()

    def _cut_short(self, run: Any) -> None:
        self.cut = time.perf_counter(), next(self.succeeded) - 1
        run.cancel()

    def passed(self, result: Any, run: Any) -> None:
        """A result was delivered."""
        self.delivered += 1
        self.good += result.ok if self.collects else 1
        if not self.delivered % self.look:
            self.limits.append(run.stats.limit)

    def sample(self, run: Any) -> dict[str, Any]:
        """The figures, at the end of the run.

        Its second half begins where half of the calls had succeeded, not where half of the results had been delivered:
        in order, one late call holds back all behind it, and then very many of them come at once.
        """
        end, good = self.cut or (time.perf_counter(), self.good)
        seconds, stats = end - self.began, run.stats
        first, middle = min(self.marks, key=lambda mark: abs(mark[0] - good / 2))
        return {
            "whole": good / seconds,
            "second": (good - first) / (end - middle),
            "seconds": seconds,
            "cut": self.cut is not None,
            "failed": stats.failed,
            "model": getattr(stats, "model", ""),
            "limit": stats.limit,
            "limited_by": stats.limited_by,
            "limits": self.limits,
            "cpu": (time.process_time() - self.cpu) / seconds,
            "busy": self.machine.busy(),
        }

    # For programs of others, which have no stop:

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return time.perf_counter() - self.began > self.seconds

    @property
    def rate(self) -> float:
        """Successes per second; to be read once."""
        return (next(self.succeeded) - 1) / min(self.seconds, time.perf_counter() - self.began)

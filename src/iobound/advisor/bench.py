"""Runs trials: the function, on items of the sample, under one candidate, through `iobound.map` as users call it."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from itertools import chain, islice, repeat
from time import perf_counter, process_time, thread_time
from typing import TYPE_CHECKING, Any, cast

from iobound.advisor.measured import ASYNCIO, SERIAL, Trial
from iobound.advisor.steady import Span, percentile, throughput
from iobound.api import map
from iobound.models.calls import is_async, name_of
from iobound.report.failures import Failures
from iobound.signals.memory import resident
from iobound.words.findings import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iobound.options import ModelName

WAVES = 8
"""Times that all places are filled in a trial, if its time allows: its ends are cut off."""
PATIENCE = 60.0
"""Seconds that calls which are still running at the end of a trial have to come back."""
GLANCE = 0.02
"""Seconds between two looks at the memory of the process."""
START = 5e-4
"""Seconds in which a worker starts, on a machine that is not idle: a trial is longer by that for each of its places."""
SOME_WAVES = 3
"""Times that all places are filled at least, however short a trial should be."""
LONGEST_LIST = 1 << 20
"""Calls of one trial at most."""


class Bench:
    """The function and its items, and all calls that were made."""

    def __init__(self, fn: Callable[..., Any], items: Sequence[Any], setup: Callable[[], Any] | None = None) -> None:
        self.fn = fn
        self.items = items
        self.name = name_of(fn)
        self.is_async = is_async(fn)
        self.keywords: dict[str, Any] = {} if setup is None else {"setup": setup}
        self.base = Candidate(ASYNCIO if self.is_async else SERIAL, 1)
        self.calls = 0
        self.failures = Failures()
        self.error: BaseException | None = None
        """The first failure."""
        self.called: set[int] = set()
        """The ids of the items that were."""
        self.hung = 0
        """Trials that were ended because a call did not come back."""

    @property
    def used(self) -> int:
        """How many of the items were called: of slow functions not all may be."""
        return sum(id(item) in self.called for item in self.items)

    def trial(self, candidate: Candidate, order: Sequence[Any], expected: float, least: float, most: float) -> Trial:
        """Call the function for the items in this order, again and again if they are few or brief.

        Args:
            candidate: how it is run.
            order: the items.
            expected: calls per second, roughly.
            least: seconds that it should last.
            most: seconds after which nothing more is started; up to twice that, if places could not be filled sooner.
        """
        places = candidate.concurrency
        wanted = max(len(order), WAVES * places, int(expected * (least + START * places)))
        most = max(most, min(shortest(candidate, expected), 2 * most))
        items = list(islice(chain.from_iterable(repeat(order)), min(wanted, LONGEST_LIST)))
        spans: list[Span] = []
        fn = timed_async(self.fn, spans) if self.is_async else timed(self.fn, spans)
        with without_collector():
            before, cpu, begun = resident(), process_time(), perf_counter()
            largest, failed = self.run(fn, items, candidate, begun + most)
            seconds, cpu = perf_counter() - begun, process_time() - cpu
        lengths = [span.ended - span.began for span in spans]
        return Trial(
            rate=throughput(spans),
            latency=sum(lengths) / len(lengths) if lengths else 0.0,
            p99=percentile(lengths, 0.99),
            startup=min(span.began for span in spans) - begun if spans else 0.0,
            memory=None if before is None or largest is None else max(0, largest - before),
            cores=cpu / seconds,
            calls=len(spans),
            failed=failed,
            seconds=seconds,
        )

    def run(
        self, fn: Callable[..., Any], items: Sequence[Any], candidate: Candidate, deadline: float
    ) -> tuple[int | None, int]:
        """Make the calls; the most memory that was resident meanwhile, and how many calls failed."""
        look, largest, failed, late = 0.0, resident(), 0, False
        keywords = dict(self.keywords)
        if candidate.model != SERIAL:  # there nobody could end a call, and every item would pay for the question
            keywords["timeout"] = max(0.0, deadline - perf_counter()) + PATIENCE
        run = map(
            fn,
            items,
            model=cast("ModelName", candidate.model),
            concurrency=candidate.concurrency,
            errors="collect",
            ordered=False,
            grace=PATIENCE,
            **keywords,
        )
        with run:
            try:
                for outcome in run:
                    self.calls += 1
                    self.called.add(id(outcome.item))
                    if not outcome.ok:
                        failed += 1
                        self.failures.add(outcome)
                        self.error = self.error or outcome.error
                    if (now := perf_counter()) >= look:
                        look, largest = now + GLANCE, larger(largest, resident())
                    if now >= deadline and not late:
                        late = True
                        run.drain()
            except TimeoutError:
                self.hung += 1
            except RuntimeError:
                if not late:
                    raise
            largest = larger(largest, resident())
        return largest, failed


def shortest(candidate: Candidate, expected: float) -> float:
    """Seconds after which all places were filled a few times, and a trial says something."""
    return START * candidate.concurrency + (SOME_WAVES * candidate.concurrency / expected if expected else 0.0)


def timed(fn: Callable[..., Any], spans: list[Span]) -> Callable[..., Any]:
    """The function, writing down when each call began and ended, in the thread that made it."""

    def called(*arguments: Any) -> Any:
        ok, began = False, perf_counter()
        try:
            value = fn(*arguments)
            ok = True
        finally:
            spans.append(Span(began, perf_counter(), ok))
        return value

    return called


def timed_async(fn: Callable[..., Any], spans: list[Span]) -> Callable[..., Any]:
    """The same for an async function."""

    async def called(*arguments: Any) -> Any:
        ok, began = False, perf_counter()
        try:
            value = await fn(*arguments)
            ok = True
        finally:
            spans.append(Span(began, perf_counter(), ok))
        return value

    return called


def metered(fn: Callable[..., Any], meter: list[tuple[float, float]]) -> Callable[..., Any]:
    """The function, writing down the seconds that each call lasted, and those of its thread's CPU."""

    def called(*arguments: Any) -> Any:
        began, ran = perf_counter(), thread_time()
        try:
            return fn(*arguments)
        finally:
            meter.append((perf_counter() - began, thread_time() - ran))

    return called


def metered_async(fn: Callable[..., Any], meter: list[tuple[float, float]]) -> Callable[..., Any]:
    """The same for an async function; the CPU is that of the loop's thread, which serves one call alone."""

    async def called(*arguments: Any) -> Any:
        began, ran = perf_counter(), thread_time()
        try:
            return await fn(*arguments)
        finally:
            meter.append((perf_counter() - began, thread_time() - ran))

    return called


@contextmanager
def without_collector() -> Iterator[None]:
    """Collect no garbage meanwhile, but afterwards: a collection costs as much as many calls, and comes by chance.

    What was made meanwhile is young, so that what else the program holds, however much, need not be looked through.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        if was:
            gc.enable()


def larger(one: int | None, other: int | None) -> int | None:
    """The larger of two sizes, if both are known."""
    return None if one is None or other is None else max(one, other)

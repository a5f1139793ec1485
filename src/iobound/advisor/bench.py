"""Runs trials: the function, on items of the sample, under one candidate, through `iobound.map` as users call it."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from itertools import chain, islice, repeat
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, NamedTuple

from iobound.advisor.measured import ASYNCIO, SERIAL, Trial
from iobound.advisor.steady import Span, percentile, throughput
from iobound.advisor.stopwatch import GaveCoroutine, NotMade, metered, metered_async, timed, timed_async
from iobound.api.mapping import prepare
from iobound.models.calls import Call, is_async, name_of
from iobound.options import Options
from iobound.report.failures import Failures
from iobound.signals.memory import resident
from iobound.words.findings import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from iobound.advisor.stopwatch import Meter
    from iobound.api.run import Run
    from iobound.words.attempt import Outcome

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


class Ran(NamedTuple):
    """What came of the calls that were made."""

    memory: int | None
    """The most that was resident meanwhile; None where the platform does not tell."""
    failures: Failures


class Bench:
    """The function and its items, and all calls that were made."""

    def __init__(self, fn: Callable[..., Any], items: Sequence[Any], setup: Callable[[], Any] | None = None) -> None:
        self.fn = fn
        self.items = items
        self.name = name_of(fn)
        self.is_async = is_async(fn)
        self.setup = setup
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
        with without_collector():
            before, cpu, begun = resident(), process_time(), perf_counter()
            fn = (timed_async if self.is_async else timed)(self.fn, spans, begun + most)
            ran = self.run(fn, items, candidate, begun + most)
            seconds, cpu = perf_counter() - begun, process_time() - cpu
        lengths = [span.ended - span.began for span in spans]
        return Trial(
            rate=throughput(spans),
            latency=sum(lengths) / len(lengths) if lengths else 0.0,
            p99=percentile(lengths, 0.99),
            startup=min(span.began for span in spans) - begun if spans else 0.0,
            memory=None if before is None or ran.memory is None else max(0, ran.memory - before),
            cores=cpu / seconds,
            calls=len(spans),
            failed=ran.failures.count,
            seconds=seconds,
            failure=next(iter(kinds(ran.failures)), ""),
        )

    def metered(self, meter: list[Meter], deadline: float) -> Callable[..., Any]:
        """The function, writing down where the seconds of each call went."""
        return (metered_async if self.is_async else metered)(self.fn, meter, deadline)

    def run(self, fn: Callable[..., Any], items: Sequence[Any], candidate: Candidate, deadline: float) -> Ran:
        """Make the calls, until the deadline."""
        look, largest, failures, late = 0.0, resident(), Failures(), False
        run = self._prepared(fn, items, candidate, deadline)
        with run:
            try:
                for outcome in run:
                    if (now := perf_counter()) >= look:
                        look, largest = now + GLANCE, larger(largest, resident())
                    if now >= deadline and not late:
                        late = True
                        run.drain()
                    if isinstance(outcome.error, GaveCoroutine):
                        self._turn_async()
                        break
                    if not isinstance(outcome.error, NotMade):
                        self._count(outcome, failures)
            except TimeoutError:
                self.hung += 1
            except RuntimeError:
                if not late:
                    raise
        return Ran(larger(largest, resident()), failures)

    def _prepared(
        self, fn: Callable[..., Any], items: Sequence[Any], candidate: Candidate, deadline: float
    ) -> Run[Any]:
        """A run of `iobound.map`; where a loop is blocked by it `advise` has said so."""
        timeout = None
        if candidate.model != SERIAL:  # there nobody could end a call, and every item would pay for the question
            timeout = max(0.0, deadline - perf_counter()) + PATIENCE
        options = Options(
            model=candidate.model,
            concurrency=candidate.concurrency,
            errors="collect",
            ordered=False,
            grace=PATIENCE,
            setup=self.setup,
            timeout=timeout,
        )
        call = Call(fn, setup=self.setup, mixed=self.is_async, knowingly=True)
        return prepare(call, items, options)

    def _count(self, outcome: Outcome[Any], failures: Failures) -> None:
        """A call was made."""
        self.calls += 1
        self.called.add(id(outcome.item))
        if not outcome.ok:
            failures.add(outcome)
            self.failures.add(outcome)
            self.error = self.error or outcome.error

    def _turn_async(self) -> None:
        """What looked plain, such as a lambda, gives coroutines."""
        self.is_async, self.base = True, Candidate(ASYNCIO, 1)


def kinds(failures: Failures) -> tuple[str, ...]:
    """The most frequent kinds of failures, as text."""
    return tuple(f"{group.kind}: {group.example}" for group in failures.largest()[:3])


def shortest(candidate: Candidate, expected: float) -> float:
    """Seconds after which all places were filled a few times, and a trial says something."""
    return START * candidate.concurrency + (SOME_WAVES * candidate.concurrency / expected if expected else 0.0)


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

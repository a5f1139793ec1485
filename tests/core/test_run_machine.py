"""Whole runs on virtual time against faulty calls, sources and consumers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from injected import Injected
from toy_gate import ToyGate, ToyPermits

import iobound
from iobound import Retry
from iobound.testing import HANG, Act, Scripted, Simulated, VirtualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iobound.models.driver import Driver

UNEXPLAINED = [phase for phase in Phase if phase is not Phase.explain]
"""To explain a failure takes minutes of trying, and says less than its steps do."""
TASK_TIMEOUT = 5.0
ERRORS = (ValueError, OSError, asyncio.CancelledError, StopIteration, GeneratorExit, StopAsyncIteration)
STOPPING = (KeyboardInterrupt, SystemExit, BaseException)

acts = st.one_of(
    st.builds(Act, seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0])),
    st.builds(Act, seconds=st.sampled_from([0.0, 1.0]), error=st.sampled_from(ERRORS)),
    st.just(Act(seconds=TASK_TIMEOUT + 2)),
)
faulty = acts | st.just(HANG) | st.builds(Act, error=st.sampled_from(STOPPING))


@dataclass
class Source:
    """Gives its own positions; may sleep, and may fail."""

    length: int | None
    kind: str
    pauses: dict[int, float]
    error: type[Exception] | None
    clock: VirtualClock

    def items(self) -> Any:
        if self.kind == "list":
            return list(range(self.length or 0))
        return self._generate() if self.kind == "generator" else Once(self._generate())

    def _generate(self) -> Iterator[int]:
        index = 0
        while self.length is None or index < self.length:
            if index in self.pauses:
                self.clock.sleep(self.pauses[index])
            yield index
            index += 1
        if self.error is not None:
            raise self.error


class Once:
    """An iterable that can be iterated once, and says so."""

    def __init__(self, items: Iterator[int]) -> None:
        self._items: Iterator[int] | None = items

    def __iter__(self) -> Iterator[int]:
        assert self._items is not None, "the source was iterated twice"
        items, self._items = self._items, None
        return items


class RunMachine(RuleBasedStateMachine):
    """A run, and what may be said of it at any moment."""

    @initialize(
        length=st.none() | st.integers(0, 40),
        kind=st.sampled_from(["list", "generator", "once"]),
        pauses=st.dictionaries(st.integers(0, 9), st.sampled_from([0.5, 2.0, 20.0]), max_size=2),
        source_error=st.none() | st.sampled_from([OSError]),
        plan=st.dictionaries(st.integers(0, 30), faulty | st.lists(acts, min_size=1, max_size=3), max_size=6),
        seconds=st.sampled_from([0.0, 1.0]),
        concurrency=st.integers(1, 5),
        buffersize=st.none() | st.integers(1, 8),
        ordered=st.booleans(),
        errors=st.sampled_from(["raise", "collect", "collect", "skip"]),
        max_errors=st.none() | st.just(3),
        timeout=st.none() | st.just(30.0),
        retries=st.none() | st.sampled_from([0.0, 0.5, 4.0]),
        gates=st.lists(st.sampled_from(["rate", "permits", "free"]), max_size=2, unique=True),
        keyed=st.booleans(),
    )
    def begin(  # noqa: PLR0917
        self,
        length: Any,
        kind: str,
        pauses: Any,
        source_error: Any,
        plan: Any,
        seconds: float,
        concurrency: int,
        buffersize: int | None,
        ordered: bool,
        errors: Any,
        max_errors: int | None,
        timeout: float | None,
        retries: float | None,
        gates: list[str],
        keyed: bool,
    ) -> None:
        self.clock = VirtualClock()
        self.length = 40 if length is None and kind == "list" else length
        source = Source(self.length, kind, pauses, source_error, self.clock)
        self.fetch = Scripted(plan, default=Act(seconds=seconds), clock=self.clock)
        made = {"rate": ToyGate(2.0, 2.0), "permits": ToyPermits(2), "free": ToyGate(refuses={7}, refuses_take={9})}
        self.gates = [made[name] for name in gates]
        rules: dict[str, Any] = {"gates": tuple(self.gates)}
        retry = Retry(attempts=3, on=Exception, wait=lambda number, error: retries or 0.0, budget=None)
        self.model = Injected(Simulated(self.clock), (lambda item: item % 3) if keyed else None, rules=rules)
        self.run = iobound.map(
            self.fetch,
            source.items(),
            model=self.model,  # type: ignore[arg-type]
            concurrency=concurrency,
            buffersize=buffersize,
            ordered=ordered,
            errors=errors,
            max_errors=None if errors == "raise" else max_errors,
            task_timeout=TASK_TIMEOUT,
            timeout=timeout,
            retry=None if retries is None else retry,
        )
        self.ordered, self.errors = ordered, errors
        self.limits = {concurrency}
        self.got: list[Any] = []
        self.ended: BaseException | None = None
        self.closed = False
        self.starts_at_stop: int | None = None

    @property
    def driver(self) -> Driver | None:
        return self.model.driver

    # The consumer

    @precondition(lambda self: self.ended is None)
    @rule(number=st.integers(1, 4))
    def consume(self, number: int) -> None:
        for _ in range(number):
            try:
                self.got.append(next(self.run))
            except BaseException as ended:
                self.ended = ended
                return

    @precondition(lambda self: self.driver is not None)
    @rule(seconds=st.sampled_from([0.1, 1.0, 7.0]))
    def dawdle(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.driver is not None and self.ended is None and not self.closed)
    @rule(limit=st.integers(1, 6))
    def resize(self, limit: int) -> None:
        assert self.driver is not None
        with self.driver.lock:
            self.driver.core.steering.resize(limit, "told to")
        self.limits.add(limit)
        self.driver.workers.stir()

    @precondition(lambda self: len(self.got) > 3)
    @rule(how=st.sampled_from(["close", "cancel"]))
    def stop(self, how: str) -> None:
        self.closed = True
        getattr(self.run, how)()
        self.clock.advance(0)  # told without a lock: whoever may take one leaves the gates

    # What holds at any moment

    @invariant()
    def all_holds(self) -> None:
        driver = self.driver
        if driver is None:
            return
        core = driver.core
        running = [slot.attempt for slot in core.slots if slot.attempt is not None]
        assert len(running) == len(core.slots) <= max(self.limits)
        window = max(core.rules.window(limit) for limit in self.limits)
        assert core.delivery.pulled - core.delivery.returned <= window
        self.indices_are_positions()
        if core.stopping:
            if self.starts_at_stop is None:
                self.starts_at_stop = len(self.fetch.calls)
            assert len(self.fetch.calls) == self.starts_at_stop
        for gate in self.gates:
            if not core.admitting:
                assert gate.waiting() == []
            assert sorted(gate.held()) == sorted(attempt.item for attempt in running)
            if isinstance(gate, ToyPermits):
                assert gate.most <= gate.number
            elif gate.rate == 2.0:
                assert all(gate.worst(length) <= 2 + 2 * length + 1e-6 for length in (0.0, 1.0, 5.0))

    def indices_are_positions(self) -> None:
        assert all(played.index == played.item for played in self.fetch.calls)
        if self.errors == "collect":
            indices = [outcome.index for outcome in self.got]
            assert all(outcome.item == outcome.index for outcome in self.got)
            assert all(outcome.ok is (outcome.error is None) for outcome in self.got)
        else:
            indices = self.got
        assert len(set(indices)) == len(indices)
        if self.ordered:
            assert indices == sorted(indices)
            assert self.driver is not None
            if self.errors == "raise" or (self.errors == "collect" and not self.driver.core.stopping):
                assert indices == list(range(len(indices)))

    # The end

    def teardown(self) -> None:
        if not hasattr(self, "run"):
            return
        if self.ended is None and len(self.got) < 60:
            self.consume(100)
        self.all_holds()
        self.run.close()
        driver = self.driver
        if driver is None:
            return
        stats, core = self.run.stats, driver.core
        assert all(gate.waiting() == [] for gate in self.gates)
        assert [item for gate in self.gates for item in gate.held()] == [], (
            "a ticket was neither settled nor given back"
        )
        assert stats.in_flight == 0
        if isinstance(self.ended, StopIteration) and not self.closed:
            assert stats.pulled == self.length == stats.delivered == core.settled
            assert stats.succeeded + stats.failed == stats.pulled
            assert stats.succeeded + stats.failed + stats.retried >= len(self.fetch.calls) - stats.abandoned
            if self.errors != "skip":
                assert len(self.got) == self.length
        assert self.clock.next_moment() == float("inf"), "the run has left something on the clock"


TestRun = RunMachine.TestCase
TestRun.settings = settings(phases=UNEXPLAINED)

"""`Core` against every order of events that Hypothesis can think of, faults included."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hand_core import FOREVER, HandCore, Still
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from toy_gate import ToyGate, ToyPermits

from iobound.core.rules import ErrorLimit
from iobound.core.run import OVER, READY
from iobound.core.statistics import snapshot

if TYPE_CHECKING:
    from iobound.words.attempt import Attempt, Slot

UNEXPLAINED = [phase for phase in Phase if phase is not Phase.explain]
"""To explain a failure takes minutes of trying, and says less than its steps do."""
ERRORS = st.sampled_from([ValueError, OSError, RuntimeError])
ODD = st.sampled_from([KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit, BaseException])
MOMENTS = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0])


@st.composite
def rules_of_a_run(draw: st.DrawFn) -> dict[str, Any]:
    """Any rules, gates apart."""
    fail_fast = draw(st.booleans())
    pauses = draw(st.none() | st.lists(MOMENTS, max_size=3))
    return {
        "limit": draw(st.integers(1, 4)),
        "window": draw(
            st.sampled_from([lambda limit: limit, lambda limit: 2 * limit, lambda limit: 3, lambda limit: 20])
        ),
        "ordered": draw(st.booleans()),
        "fail_fast": fail_fast,
        "max_errors": None if fail_fast else draw(st.none() | st.just(ErrorLimit(count=2))),
        "task_timeout": draw(st.none() | st.just(2.0)),
        "timeout": draw(st.none() | st.just(20.0)),
        "max_abandoned": draw(st.integers(0, 3)),
        "retry": None
        if pauses is None
        else lambda attempt, now: pauses[attempt.number - 1] if attempt.number <= len(pauses) else None,
        "keep": draw(st.booleans()),
    }


class CoreMachine(RuleBasedStateMachine):
    """One run, and a model of it that only counts."""

    @initialize(
        rules=rules_of_a_run(),
        rate=st.sampled_from([None, 1.0, 5.0, FOREVER]),
        permits=st.sampled_from([None, 1, 2]),
        burst=st.sampled_from([1.0, 3.0]),
        keyed=st.booleans(),
        refuses=st.sets(st.integers(0, 20), max_size=2),
        fails=st.booleans(),
    )
    def begin(  # noqa: PLR0917
        self, rules: Any, rate: Any, permits: Any, burst: float, keyed: bool, refuses: Any, fails: bool
    ) -> None:
        answers = iter([True, False, True, False, False, True])
        self.gates: list[ToyGate] = []
        if rate is not None:
            self.gates.append(ToyGate(rate, burst, refuses=refuses, fails=lambda: fails and next(answers, False)))
        if permits is not None:
            self.gates.append(ToyPermits(permits, refuses_take=refuses if rate is None else ()))
        self.gate_rate = rate
        self.hand = HandCore(Still(), gates=tuple(self.gates), keyed=keyed, **rules)
        self.core = self.hand.core
        self.keyed = keyed
        self.ordered, self.fail_fast = rules["ordered"], rules["fail_fast"]
        self.offered: list[Attempt] = []
        self.uncredited = 0
        self.stopped_at: int | None = None
        self.passed_over: set[int] = set()
        """Items that were not done when those behind them made up their place."""

    # The source

    @precondition(lambda self: self.core.source_open and self.core.delivery.room > 0)
    @rule(key=st.integers(0, 2), cost=st.sampled_from([1, 1, 2, 5]))
    def offer(self, key: int, cost: float) -> None:
        item = len(self.offered)
        self.offered.append(self.hand.offer(item, key if self.keyed else None, cost))

    @precondition(lambda self: self.core.source_open and self.core.delivery.room > 0)
    @rule(error=ERRORS)
    def offer_failed(self, error: type[Exception]) -> None:
        self.offered.append(self.hand.offer_failed(len(self.offered), error()))

    @precondition(lambda self: self.core.source_open and len(self.offered) > 5)
    @rule(error=st.none() | ERRORS)
    def end_source(self, error: type[Exception] | None) -> None:
        self.core.end_source(None if error is None else error())

    # Workers

    @rule()
    def start(self) -> None:
        if self.hand.start() is not None:
            assert len(self.hand.running) <= self.core.slots.capacity <= self.core.slots.limit

    @precondition(lambda self: self.hand.running)
    @rule(which=st.integers(0, 9))
    def succeed(self, which: int) -> None:
        self.hand.settle(self._running(which), "value")

    @precondition(lambda self: self.hand.running)
    @rule(which=st.integers(0, 9), error=ERRORS)
    def fail(self, which: int, error: type[Exception]) -> None:
        self.hand.settle(self._running(which), error=error())

    @precondition(lambda self: self.hand.running and len(self.offered) > 8)
    @rule(which=st.integers(0, 9), error=ODD)
    def fail_oddly(self, which: int, error: type[BaseException]) -> None:
        raised = error()
        before = self.core.failure
        self.hand.settle(self._running(which), error=raised)
        assert self.core.failure is (before or raised)

    @precondition(lambda self: self.hand.running)
    @rule(which=st.integers(0, 9))
    def put_back(self, which: int) -> None:
        slot = self._running(which)
        attempt, slot.attempt = slot.attempt, None
        assert attempt is not None
        self.hand.running.remove(slot)
        self.core.slots.discard(slot)
        self.core.put_back(attempt)

    def _running(self, which: int) -> Slot:
        return self.hand.running[which % len(self.hand.running)]

    # Time

    @rule(seconds=MOMENTS)
    def go(self, seconds: float) -> None:
        self.hand.go(seconds)
        self.hand.expire()

    @precondition(lambda self: self.hand.late)
    @rule()
    def come_back(self) -> None:
        self.hand.come_back()

    # Consumer, keeper, controller

    @rule()
    def take(self) -> None:
        if self.hand.take(credit=False) is not None:
            self.uncredited += 1
        kept = {*self.core.delivery.ready, *self.hand.delivered}
        self.passed_over |= {attempt.index for attempt in self.offered if attempt not in kept and not attempt.done}

    @rule()
    def credit(self) -> None:
        self.core.credit(self.uncredited, self.hand.now)
        self.uncredited = 0
        self.core.check_errors()

    @precondition(lambda self: self.hand.kept)
    @rule(which=st.integers(0, 9))
    def release(self, which: int) -> None:
        self.core.release(self.hand.kept.pop(which % len(self.hand.kept)))

    @rule(limit=st.integers(1, 5))
    def resize(self, limit: int) -> None:
        self.core.steering.resize(limit, "told to")

    @precondition(lambda self: len(self.offered) > 10)
    @rule()
    def stop(self) -> None:
        self.core.stop()

    # What holds at any moment

    @invariant()
    def all_holds(self) -> None:
        self.broken = True
        self.never_more_pulled_than_the_window()
        self.every_item_has_its_position()
        self.order_is_exact()
        self.nothing_starts_after_the_stop()
        self.a_stopped_run_waits_at_no_gate()
        self.tickets_are_held_by_what_runs_and_by_nothing_else()
        self.the_rate_is_kept()
        self.the_counts_add_up()
        self.broken = False

    def never_more_pulled_than_the_window(self) -> None:
        delivery = self.core.delivery
        assert delivery.pulled - delivery.returned <= max(self.hand.rules.window(limit) for limit in range(1, 6))
        assert delivery.pulled == len(self.offered)

    def every_item_has_its_position(self) -> None:
        assert [attempt.index for attempt in self.offered] == list(range(len(self.offered)))
        assert all(attempt.index == attempt.item for attempt in self.offered)

    def order_is_exact(self) -> None:
        taken = [attempt.index for attempt in self.hand.delivered]
        assert len(set(taken)) == len(taken)
        if not self.ordered:
            return
        assert taken == sorted(taken)
        gaps = {*range(taken[-1] if taken else 0)} - {*taken}
        never = {index for index in gaps if index in self.passed_over or not self.offered[index].done}
        assert gaps == (never if self.core.stopping and not self.fail_fast else set())

    def nothing_starts_after_the_stop(self) -> None:
        if self.core.stopping:
            if self.stopped_at is None:
                self.stopped_at = len(self.hand.started)
            assert len(self.hand.started) == self.stopped_at
            assert self.hand.core.admit(self.hand.now) is None

    def a_stopped_run_waits_at_no_gate(self) -> None:
        for gate in self.gates:
            if self.core.stopping:
                assert gate.waiting() == []
            assert len(gate.waiting()) <= (3 if self.keyed else 1)

    def tickets_are_held_by_what_runs_and_by_nothing_else(self) -> None:
        running = sorted(slot.attempt.item for slot in self.hand.running if slot.attempt)
        for gate in self.gates:
            assert sorted(gate.held()) == running

    def the_rate_is_kept(self) -> None:
        if self.gates and self.gate_rate not in {None, FOREVER}:
            for length in (0.0, 1.0, 4.0):
                assert self.gates[0].worst(length) <= max(self.gates[0].burst, 5) + self.gate_rate * length + 1e-6

    def the_counts_add_up(self) -> None:
        core, stats = self.core, snapshot(self.core, self.hand.now)
        settled = sum(attempt.done for attempt in self.offered) + len(self.hand.kept)
        assert core.settled == settled
        assert stats.failed == sum(attempt.done and attempt.error is not None for attempt in self.offered)
        assert stats.in_flight == len(self.hand.running)
        assert stats.pulled == len(self.offered)

    # The end

    def teardown(self) -> None:
        """Let everything happen that can: then the run is over, and every item has one outcome."""
        if not hasattr(self, "hand") or self.broken:
            return
        core, hand = self.core, self.hand
        if core.source_open:
            core.end_source()
        self.credit()
        for _ in range(300):
            while hand.start() is not None or hand.running:
                hand.settle(hand.running[0], "value")
            while hand.kept:
                core.release(hand.kept.pop())
            hand.take_all()
            if core.verdict() is OVER:
                break
            assert core.verdict() is not READY
            until = hand.next_time()
            assert until < FOREVER, "nothing is left that would ever end the run"
            hand.clock.time = max(hand.now + 1e-3, until)
            hand.expire()
        assert core.verdict() is OVER
        self.order_is_exact()
        self.tickets_are_held_by_what_runs_and_by_nothing_else()
        assert all(gate.waiting() == [] for gate in self.gates)
        if not core.stopping:
            assert sorted(attempt.index for attempt in hand.delivered) == list(range(len(self.offered)))
            assert core.drained


TestCore = CoreMachine.TestCase
TestCore.settings = settings(phases=UNEXPLAINED)

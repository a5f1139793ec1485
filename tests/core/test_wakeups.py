"""No wake-up is lost: one party looks and parks while another, at every possible moment of that, brings news.

The party that parks is traced; at its k-th step the other one runs, in a thread of its own, until it is done or
blocks. That is done for every k. A step is a line; under IOBOUND_TORTURE=1 it is a bytecode.
"""

from __future__ import annotations

import os
import sys
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from toy_gate import ToyPermits

import iobound
from iobound.core.rules import Rules
from iobound.core.run import READY
from iobound.models import Threads
from iobound.models.calls import Call
from iobound.models.choices import SYSTEM
from iobound.models.job import Job
from iobound.models.thread_worker import ThreadWorker
from iobound.words.attempt import Attempt
from iobound.words.bells import ThreadBell

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.models.driver import Driver

OPCODES = os.environ.get("IOBOUND_TORTURE") == "1"
OURS = os.path.dirname(iobound.__file__)  # noqa: PTH120 - compared with what frames say, text with text
BLOCKED = 0.01
"""Real seconds after which the other party is taken to be blocked by the one that is traced."""
HEARD = 2.0
"""Real seconds within which a wake-up must have arrived."""


class Switch:
    """Runs `other` at step `at` of `party`."""

    def __init__(self, party: Callable[[], Any], other: Callable[[], Any], at: int) -> None:
        self.other = Thread(target=other, daemon=True)
        self.at = at
        self.steps = 0
        self.result: Any = None
        traced = Thread(target=self._run, args=(party,), daemon=True)
        traced.start()
        traced.join(HEARD)
        assert not traced.is_alive(), f"stuck, with a switch at step {at}"
        if self.other.ident is None:
            self._let_other()

    def _run(self, party: Callable[[], Any]) -> None:
        sys.settrace(self._trace)
        try:
            self.result = party()
        finally:
            sys.settrace(None)

    def _trace(self, frame: Any, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = OPCODES
        if event == ("opcode" if OPCODES else "line"):
            if self.steps == self.at:
                self._let_other()
            self.steps += 1
        return self._trace

    def _let_other(self) -> None:
        self.other.start()
        self.other.join(BLOCKED)


def rung(bell: Any) -> bool:
    """Whether the bell has been rung, or is soon."""
    return bool(bell._lock.acquire(timeout=HEARD))


def driver_of(window: int = 4, source: Any = None, **rules: Any) -> Driver:
    """A run on threads that was never started."""
    rules = {"limit": 1, "max_abandoned": 1, **rules}
    job = Job(
        call=Call(str),
        source=iter(Attempt, None) if source is None else source,
        rules=Rules(window=lambda limit: window, **rules),
        context=copy_context(),
        clock=SYSTEM,
    )
    return Threads().drive(job, ThreadBell(), None)


def attempt_for(item: Any) -> Attempt:
    attempt = Attempt()
    attempt.item = item
    return attempt


def every_step(scenario: Callable[[int], Switch]) -> None:
    """Play the scenario with the switch at step 0, 1, 2, ... until the party is done before it."""
    at = 0
    while True:
        switch = scenario(at)
        if at >= switch.steps:
            break
        at += 1
    assert at > 3, "nothing was traced"


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("slow", [True, False])
def test_a_consumer_that_parks_hears_of_the_result(ordered: bool, slow: bool) -> None:
    def scenario(at: int) -> Switch:
        driver = driver_of(ordered=ordered)
        crew: Any = driver.workers
        crew.slow, crew.live = slow, 1
        driver.parties = 2
        driver.core.offer(attempt_for("item"))
        worker = ThreadWorker(crew, crew.slot(), crew.new_tally())
        switch = Switch(lambda: driver.look(0), worker.work, at)
        try:
            assert switch.result is READY or rung(driver.bell), f"lost, with a switch at step {at}"
            assert driver.look(0) is READY
        finally:
            driver.stop(RuntimeError("the test is over"))
            switch.other.join()
        return switch

    every_step(scenario)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("slow", [True, False])
def test_a_worker_that_parks_hears_of_the_item(slow: bool, gated: bool) -> None:
    def scenario(at: int) -> Switch:
        driver = driver_of(gates=(ToyPermits(1),) if gated else ())
        crew: Any = driver.workers
        crew.slow, crew.live = slow, 1
        slot, bell = crew.slot(), ThreadBell()
        switch = Switch(lambda: crew.find(bell, slot), lambda: driver.feeder.give("item"), at)
        assert isinstance(switch.result, Attempt) or rung(bell), f"lost, with a switch at step {at}"
        switch.other.join()
        driver.stop(RuntimeError("the test is over"))
        return switch

    every_step(scenario)


@pytest.mark.parametrize("slow", [True, False])
def test_a_worker_that_parks_before_a_gate_hears_it_ring(slow: bool) -> None:
    def scenario(at: int) -> Switch:
        gate = ToyPermits(1)
        earlier = gate.request(attempt_for("earlier"), 0.0, lambda: None)
        assert earlier.take(0.0)
        driver = driver_of(gates=(gate,))
        crew: Any = driver.workers
        crew.slow, crew.live = slow, 1
        driver.core.offer(attempt_for("item"))
        slot, bell = crew.slot(), ThreadBell()
        switch = Switch(lambda: crew.find(bell, slot), lambda: earlier.settled(earlier.attempt, 0.0), at)
        assert isinstance(switch.result, Attempt) or rung(bell), f"lost, with a switch at step {at}"
        switch.other.join()
        driver.stop(RuntimeError("the test is over"))
        return switch

    every_step(scenario)


def test_a_feeder_that_parks_hears_of_room() -> None:
    def scenario(at: int) -> Switch:
        driver = driver_of(window=1)
        feeder: Any = driver.feeder
        crew: Any = driver.workers
        crew.live = 1
        driver.core.offer(attempt_for("item"))
        driver.core.pending.clear()
        switch = Switch(feeder.room, lambda: driver.credit(1), at)
        assert switch.result > 0 or rung(feeder.bell), f"lost, with a switch at step {at}"
        switch.other.join()
        return switch

    every_step(scenario)

"""The toy gate in whole runs: simulated, on threads, and on a loop; alone, and shared."""

from __future__ import annotations

import asyncio
from functools import partial
from threading import Thread, Timer
from time import monotonic
from typing import Any

import pytest
from injected import Injected
from toy_gate import ToyGate, ToyPermits

import iobound
from iobound.models import Asyncio, Threads
from iobound.testing import Act, AsyncScripted, Scripted, Simulated, VirtualClock, run_virtual

LIVENESS = 4.0
"""Real seconds after which a run that should take a fraction of one hangs."""


def in_thread(call: Any) -> tuple[Thread, list[Any]]:
    results: list[Any] = []

    def body() -> None:
        try:
            results.append(call())
        except BaseException as error:
            results.append(error)

    thread = Thread(target=body, daemon=True)
    thread.start()
    return thread, results


def finished(call: Any) -> Any:
    """What `call` returns, in a thread of its own: a run that hangs fails its test alone."""
    thread, results = in_thread(call)
    thread.join(LIVENESS)
    assert results, "the run hangs"
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def on_a_loop(runner: Any, main: Any) -> Any:
    """`runner(main())`; a loop that spins is stopped, so that it spins no longer than its own test."""

    async def guarded() -> Any:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        watch = Timer(LIVENESS - 1, lambda: loop.call_soon_threadsafe(task.cancel, "the run hangs"))
        watch.daemon = True
        watch.start()
        try:
            return await main()
        finally:
            watch.cancel()

    return runner(guarded())


def test_costs_bound_every_window_of_a_simulated_run() -> None:
    clock, gate = VirtualClock(), ToyGate(rate=10.0, burst=5.0)
    fetch = Scripted(Act(seconds=0.7), clock=clock)
    model = Injected(Simulated(clock), cost=lambda item: 1 + item % 7, rules={"gates": (gate,)})
    assert list(iobound.map(fetch, range(60), model=model)) == list(range(60))
    assert fetch.items == list(range(60))
    for length in (0.0, 0.3, 1.0, 3.0):
        assert gate.worst(length) <= 7 + 10.0 * length + 1e-6
    # The rate is used, too: the last one starts when all costs but the burst have been earned.
    assert clock.now() == pytest.approx((sum(1 + item % 7 for item in range(59)) - 5 + 4) / 10 + 0.7, abs=0.5)


def test_a_blocked_key_does_not_delay_the_others() -> None:
    clock, gate = VirtualClock(), ToyGate(rate=1 / 3, burst=1.0)
    fetch = Scripted(Act(seconds=0.1), clock=clock)
    items = [("slow", number) for number in range(4)] + [(key, 0) for key in "abcdefghi"]
    model = Injected(Simulated(clock), key=lambda item: item[0], rules={"gates": (gate,)})
    run = iobound.map(fetch, items, model=model, ordered=False)
    done = [(next(run), clock.now()) for _ in items]
    assert [key for (key, _), when in done if when < 0.2] == ["slow", *"abcdefghi"]
    assert done[-1] == (("slow", 3), pytest.approx(9.1))


def test_simulated_runs_share_a_gate_first_in_first_out() -> None:
    clock, gate = VirtualClock(), ToyGate(rate=2.0, burst=1.0)
    fetch = Scripted(Act(seconds=0.1), clock=clock)
    rules = {"gates": (gate,)}
    runs = [
        iobound.map(fetch, range(start, start + 5), model=Injected(Simulated(clock), rules=rules)) for start in (0, 100)
    ]
    pairs = list(zip(*runs, strict=True))
    assert pairs == [(number, 100 + number) for number in range(5)]
    assert gate.worst(1.0) <= 3
    # Each joins the queue as soon as it has started one: after the first two turns they take turns.
    assert [item // 100 for item in fetch.items[2:]] == [1, 0, 1, 0, 1, 0, 1, 1]
    for run in runs:
        run.close()
    assert gate.waiting() == gate.held() == []


def test_a_simulated_run_without_a_free_slot_lets_another_pass_a_shared_gate() -> None:
    """Its turn at key `k` comes while both its slots are taken by long calls of other keys."""
    clock, gate = VirtualClock(), ToyGate(rate=1.0, burst=1.0)
    rules = {"gates": (gate,)}
    long = Scripted({"k1": Act(seconds=0.2), "k2": Act(seconds=0.2)}, default=Act(seconds=1000), clock=clock)
    short = Scripted(clock=clock)

    def items() -> Any:
        yield from ("k1", "k2", "x")
        clock.sleep(0.5)  # by now k2 has a ticket, and waits for its turn beside a free slot
        yield from "yz"

    hog = iobound.map(
        long,
        items(),
        model=Injected(Simulated(clock), key=lambda item: item[0], rules=rules),
        concurrency=2,
        ordered=False,
    )
    assert next(hog) == "k1"
    other = iobound.map(short, ["k3"], model=Injected(Simulated(clock), key=lambda item: item[0], rules=rules))
    assert next(other) == "k3"
    assert clock.now() < 100
    hog.close()
    other.close()


def test_a_closed_run_with_calls_in_flight_lets_go_of_its_permits() -> None:
    clock, gate = VirtualClock(), ToyPermits(1)
    fetch = Scripted(Act(seconds=1000), clock=clock)
    model = Injected(Simulated(clock), rules={"gates": (gate,)})
    run = iobound.map(fetch, "ab", model=model, timeout=5.0)
    with pytest.raises(TimeoutError):
        next(run)
    assert gate.waiting() == gate.held() == []


# --- on real models ---


def gated_threads(gate: Any, **rules: Any) -> Injected:
    return Injected(Threads(), key=lambda item: item % 2, rules={"gates": (gate,), **rules})


@pytest.mark.parametrize("gate", [ToyPermits(2), ToyGate(rate=400.0, burst=2.0)], ids=["permits", "rate"])
def test_threads_pass_a_gate(gate: Any) -> None:
    gate = type(gate)(2) if isinstance(gate, ToyPermits) else ToyGate(rate=400.0, burst=2.0)
    fetch = Scripted(Act(seconds=0.002))
    run = iobound.map(fetch, range(60), model=gated_threads(gate), concurrency=8)
    assert finished(lambda: list(run)) == list(range(60))
    assert gate.waiting() == gate.held() == []
    if isinstance(gate, ToyPermits):
        assert gate.most <= 2


@pytest.mark.parametrize("kind", ["permits", "rate"])
def test_a_loop_passes_a_gate(kind: str) -> None:
    gate: Any = ToyPermits(2) if kind == "permits" else ToyGate(rate=4.0, burst=2.0)
    fetch = AsyncScripted(Act(seconds=0.2))
    model = Injected(Asyncio(), key=lambda item: item % 2, rules={"gates": (gate,)})

    async def main() -> list[int]:
        return await iobound.map(fetch, range(60), model=model, concurrency=8)

    assert finished(lambda: on_a_loop(partial(run_virtual, patience=0.0), main)) == list(range(60))
    assert gate.waiting() == gate.held() == []


@pytest.mark.parametrize("how", ["threads", "asyncio"])
def test_a_due_retry_is_made_even_if_nothing_else_happens(how: str) -> None:
    plan = {1: [Act(error=ValueError), Act()]}
    retry = iobound.Retry(on=ValueError, wait=lambda number, error: 0.05)

    def on_threads() -> list[int]:
        return list(iobound.map(Scripted(plan), range(3), retry=retry))

    async def on_loop() -> list[int]:
        return await iobound.map(AsyncScripted(plan), range(3), retry=retry)

    assert finished(on_threads if how == "threads" else lambda: on_a_loop(asyncio.run, on_loop)) == [0, 1, 2]


def test_two_threads_and_a_loop_share_a_costed_gate() -> None:
    gate = ToyGate(rate=300.0, burst=10.0)
    per_run = 40

    def options(start: int, model: Any) -> dict[str, Any]:
        injected = Injected(model, cost=lambda item: 1 + item % 3, rules={"gates": (gate,), "keyed": True})
        return {"items": range(start, start + per_run), "model": injected, "concurrency": 4, "ordered": False}

    async def on_loop() -> list[int]:
        return await iobound.map(AsyncScripted(Act(seconds=0.001)), **options(1000, Asyncio()))

    started = monotonic()
    parties = [
        in_thread(lambda: list(iobound.map(Scripted(Act(seconds=0.001)), **options(0, Threads())))),
        in_thread(lambda: list(iobound.map(Scripted(Act(seconds=0.001)), **options(500, Threads())))),
        in_thread(lambda: on_a_loop(asyncio.run, on_loop)),
    ]
    for thread, results in parties:
        thread.join(LIVENESS)
        assert results, f"a run hangs after {monotonic() - started:.1f} s"
        assert isinstance(results[0], list), results[0]
    assert sorted(item for _, results in parties for item in results[0]) == [
        item for start in (0, 500, 1000) for item in range(start, start + per_run)
    ]
    assert gate.waiting() == gate.held() == []
    for length in (0.0, 0.1, 0.3):
        assert gate.worst(length) <= 10 + 300 * length + 1e-6


def test_dropping_a_run_takes_its_tickets_out_of_the_gate() -> None:
    gate = ToyGate(rate=1.0, burst=1.0)

    def drop_early() -> None:
        for _ in iobound.map(Scripted(), range(9), model=gated_threads(gate), concurrency=4):
            break

    finished(drop_early)
    deadline = monotonic() + 2
    while gate.waiting() and monotonic() < deadline:
        Thread(target=int).start()
    assert gate.waiting() == []

"""The ticket protocol of `words/gates.py`, proved by a keyed, costed, shared toy gate on a core moved by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hand_core import FOREVER, HandCore, Still
from toy_gate import Refused, ToyGate, ToyPermits


def gated(*gates: Any, **rules: Any) -> HandCore:
    rules = {"limit": 8, "window": 99, "fail_fast": False, "ordered": False, "keyed": True, **rules}
    return HandCore(gates=gates, **rules)


def test_a_gate_admits_at_its_rate() -> None:
    gate = ToyGate(rate=2.0, burst=1.0)
    hand = gated(gate)
    for item in range(3):
        hand.offer(item)
    assert hand.start_all() == [0]
    assert hand.next_time() == pytest.approx(0.5)
    hand.go(0.5)
    assert hand.start_all() == [1]
    assert hand.start_all() == []


def test_costs_are_charged_and_bound_over_any_window() -> None:
    gate = ToyGate(rate=10.0, burst=5.0)
    hand = gated(gate)
    for item in range(40):
        hand.offer(item, cost=1 + item % 7)
    while hand.core.starts:
        hand.start_all()
        for slot in list(hand.running):
            hand.settle(slot)
        hand.clock.time = max(hand.now, min(hand.next_time(), 1e9))
    assert hand.started == list(range(40))
    for length in (0.0, 0.3, 1.0, 3.0):
        assert gate.worst(length) <= max(5.0, 7) + 10.0 * length + 1e-6


def test_a_blocked_key_never_blocks_another() -> None:
    gate = ToyGate(rate=0.001, burst=1.0)
    hand = gated(gate)
    for item in range(12):
        hand.offer(item, key="slow")
    for item in "abc":
        hand.offer(item, key=item)
    assert hand.start_all() == [0, "a", "b", "c"]


def test_a_due_retry_goes_right_behind_the_head_which_keeps_its_ticket() -> None:
    gate = ToyGate(rate=1.0, burst=1.0)
    hand = gated(gate, retry=lambda attempt, now: 0.1 if attempt.number < 2 else None)
    for item in "abc":
        hand.offer(item)
    assert hand.start_all() == ["a"]
    hand.settle_item("a", error=ValueError())
    assert hand.start_all() == []
    assert gate.waiting() == ["b"]
    order = []
    for _ in range(3):
        hand.go(1.0)
        order += hand.start_all()
    assert order == ["b", "a", "c"]


def test_a_head_holds_at_most_one_ticket_per_gate_and_key() -> None:
    gate = ToyGate(rate=0.001, burst=1.0)
    hand = gated(gate)
    for item in range(5):
        hand.offer(item)
        hand.start_all()
    assert gate.waiting() == [1]


def test_a_refused_request_fails_only_its_item() -> None:
    gate = ToyGate(refuses={1})
    hand = gated(ToyGate(), gate)
    for item in range(3):
        hand.offer(item)
    assert hand.start_all() == [0, 2]
    assert isinstance(hand.core.delivery.ready[0].error, Refused)
    assert hand.core.delivery.ready[0].done


@pytest.mark.parametrize("place", [0, 1])
def test_a_take_that_raises_fails_only_its_item_and_leaves_every_gate(place: int) -> None:
    gates = [ToyGate(), ToyGate()]
    gates[place].refuses_take = {1}
    hand = gated(*gates)
    for item in range(4):
        hand.offer(item)
    assert hand.start_all() == [0, 2, 3]
    assert isinstance(hand.core.delivery.ready[0].error, Refused)
    for gate in gates:
        assert gate.waiting() == []
        assert gate.held() == [0, 2, 3]


def test_a_request_that_is_refused_by_the_second_gate_leaves_the_first() -> None:
    first = ToyGate()
    hand = gated(first, ToyGate(refuses={0}))
    hand.offer(0)
    assert hand.start_all() == []
    assert first.waiting() == []


def test_a_take_that_fails_takes_nothing_and_keeps_its_turn() -> None:
    answers = [True, True, False]  # the first time it can neither enter nor take
    first, second = ToyGate(rate=1.0, burst=1.0), ToyGate(fails=lambda: bool(answers) and answers.pop(0))
    hand = gated(first, second)
    hand.offer("a")
    hand.offer("b")
    assert hand.start_all() == []
    assert first.waiting() == ["a"]
    assert first.admitted == []
    hand.go(0.01)
    assert hand.start_all() == ["a"]
    assert len(first.admitted) == 1


def test_an_attempt_that_is_put_back_gives_its_charge_back_and_leaves_no_ticket() -> None:
    gate = ToyGate(rate=0.001, burst=1.0)
    hand = gated(gate)
    hand.offer("a")
    attempt = hand.core.admit(0.0)
    assert attempt is not None
    hand.core.put_back(attempt)
    assert gate.admitted == []
    again = hand.core.admit(0.0)
    assert again is attempt
    assert gate.waiting() == []


@pytest.mark.parametrize("end", ["stop", "fail", "end"])
def test_no_ticket_is_left_in_the_queue_of_a_stopped_run(end: str) -> None:
    gate = ToyGate(rate=0.001, burst=1.0)
    hand = gated(gate)
    for item in range(6):
        hand.offer(item, key=item % 2)
    hand.start_all()
    assert sorted(gate.waiting()) == [2, 3]
    hand.core.stop() if end == "stop" else getattr(hand.core, end)(RuntimeError())
    assert gate.waiting() == []


def test_a_ticket_is_settled_whatever_its_call_comes_to() -> None:
    gate = ToyPermits(1)
    hand = gated(gate, retry=lambda attempt, now: 0.0 if attempt.number < 2 else None)
    hand.offer("a")
    hand.offer("b")
    for error in (ValueError(), None):
        assert hand.start_all() == ["a"] if error else True
        hand.settle(hand.running[0], error=error)
        assert gate.held() in ([], ["b"])
        hand.start_all()
    assert gate.most == 1


def test_a_call_that_is_given_up_lets_its_permit_go() -> None:
    gate = ToyPermits(1)
    hand = gated(gate, task_timeout=1.0, max_abandoned=9)
    hand.offer("a")
    hand.offer("b")
    assert hand.start_all() == ["a"]
    hand.go(1.0)
    assert hand.expire() == ["a"]
    assert hand.start_all() == ["b"]


# --- shared by two runs ---


def shared(gate: ToyGate, **rules: Any) -> tuple[HandCore, HandCore]:
    clock = Still()
    return tuple(gated_with(clock, gate, **rules) for _ in range(2))  # type: ignore[return-value]


def gated_with(clock: Still, gate: ToyGate, **rules: Any) -> HandCore:
    settings = {"limit": 8, "window": 99, "fail_fast": False, "ordered": False, "keyed": True, **rules}
    return HandCore(clock, gates=(gate,), **settings)


def test_two_runs_pass_a_shared_gate_first_in_first_out() -> None:
    gate = ToyGate(rate=1.0, burst=1.0)
    one, two = shared(gate)
    for item in range(3):
        one.offer(item)
        two.offer(10 + item)
    order = one.start_all() + two.start_all()
    for _ in range(8):
        one.go(1.0)
        order += two.start_all() + one.start_all()
    # A run asks for its next item as soon as it has started one: 1 joined the queue before 10.
    assert order == [0, 1, 10, 2, 11, 12]


def test_a_ticket_behind_another_runs_ticket_waits_for_a_ring() -> None:
    gate = ToyGate(rate=1.0, burst=1.0)
    one, two = shared(gate)
    one.offer(0)
    one.offer(1)
    two.offer(10)
    assert one.start_all() == [0]
    assert two.start_all() == []
    assert two.next_time() == FOREVER
    before = two.rings
    one.go(1.0)
    assert one.start_all() == [1]
    assert two.rings == before + 1
    assert two.next_time() == FOREVER or two.next_time() > two.now
    assert two.start_all() == []
    assert two.next_time() == pytest.approx(2.0)
    two.go(1.0)
    assert two.start_all() == [10]


def test_a_stopped_run_lets_the_other_go_on() -> None:
    gate = ToyGate(rate=1.0, burst=1.0)
    one, two = shared(gate)
    one.offer(0)
    one.offer(1)
    two.offer(10)
    one.start_all()
    assert two.start_all() == []
    one.core.stop()
    assert two.rings == 1
    two.go(1.0)
    assert two.start_all() == [10]


def test_a_run_without_a_free_slot_does_not_hold_up_another_at_a_shared_gate() -> None:
    """It has its turn at one key, while its only slot is taken by a long call of another key."""
    gate = ToyGate(rate=1.0, burst=1.0)
    one, two = shared(gate)
    one.core.steering.resize(2, "told to")
    one.offer(0, key="k")
    one.offer(1, key="k")
    one.offer("long", key="other")
    assert one.start_all() == [0, "long"]  # both slots are taken; 1 has not asked for a ticket
    one.settle_item(0)
    assert one.start_all() == []  # 1 stands first in line, and must wait a second
    one.offer("longer", key="third")
    assert one.start_all() == ["longer"]  # meanwhile its slot goes to another key, for a long time
    two.offer(10, key="k")
    assert two.start_all() == []
    one.go(100.0)
    one.expire()  # whoever keeps the time of the first run looks at it now, and no slot is free
    assert two.start_all() == [10]


def test_nothing_starts_after_a_refused_item_has_stopped_the_run() -> None:
    gate = ToyGate(refuses={1})
    hand = gated(gate, fail_fast=True)
    for item in range(4):
        hand.offer(item)
    assert hand.start_all() == [0]
    assert isinstance(hand.core.failure, Refused)
    assert gate.waiting() == []
    assert gate.held() == [0]

"""Who waits for itself: the one deadlock that limits can be seen to end in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from iobound.policies.permits import Permits
from iobound.policies.queue import PerKey, Place, Queue
from iobound.words.errors import hinted
from iobound.words.spending import held_here

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


def refuse_deadlock(gates: Iterable[PerKey | Queue], key: Hashable) -> None:
    """Raise where every place of a gate is held by the very code that is about to wait for one.

    Raises:
        RuntimeError: it would wait for ever.
    """
    held = Counter(id(ticket.gate) for ticket in held_here() if isinstance(ticket, Place))
    for gate in gates if held else ():
        queue = gate.gates.get(key) if isinstance(gate, PerKey) else gate
        if queue is not None and isinstance(queue.rule, Permits) and held[id(queue)] >= queue.rule.limit:
            error = RuntimeError(f"this waits for itself: it holds all there is of {gate} already")
            raise hinted(error, "pass the limiter once: rate= of the run, the decorator, or `with`")

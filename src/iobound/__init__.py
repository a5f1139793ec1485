"""iobound: very many I/O-bound calls, never more at once than is good. `iobound.map(fn, items)` is the door.

Rooms, each importing only from those before it: words (records and small protocols), policies (gates and
rules), core (the state machine: decides, does no I/O), models (call, wait, wake), options, api.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iobound.api import Run, map, starmap
from iobound.words.attempt import Current, Outcome, current
from iobound.words.errors import BlockingLoopWarning, HungCalls, ItemCancelled, Overloaded, TooManyErrors
from iobound.words.stats import Durations, Stats

if TYPE_CHECKING:
    from iobound.api.executor import Executor

__all__ = [
    "BlockingLoopWarning",
    "Current",
    "Durations",
    "Executor",
    "HungCalls",
    "ItemCancelled",
    "Outcome",
    "Overloaded",
    "Run",
    "Stats",
    "TooManyErrors",
    "current",
    "map",
    "starmap",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`Executor`, when it is first asked for: `concurrent.futures` and its `logging` are not paid for otherwise."""
    if name == "Executor":
        from iobound.api.executor import Executor  # noqa: PLC0415

        globals()[name] = Executor
        return Executor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

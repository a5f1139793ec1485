"""iobound: very many I/O-bound calls, never more at once than is good. `iobound.map(fn, items)` is the door.

Rooms, each importing only from those before it: words (records and small protocols), policies (gates and
rules), core (the state machine: decides, does no I/O), models (call, wait, wake), options, api.
"""

from __future__ import annotations

from iobound.api import Run, map, starmap
from iobound.words.attempt import Current, Outcome, current
from iobound.words.errors import BlockingLoopWarning, HungCalls, ItemCancelled, TooManyErrors
from iobound.words.stats import Durations, Stats

__all__ = [
    "BlockingLoopWarning",
    "Current",
    "Durations",
    "HungCalls",
    "ItemCancelled",
    "Outcome",
    "Run",
    "Stats",
    "TooManyErrors",
    "current",
    "map",
    "starmap",
]
__version__ = "0.1.0"

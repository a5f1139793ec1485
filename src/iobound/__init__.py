"""iobound: very many I/O-bound calls, never more at once than is good. `iobound.map(fn, items)` is the door.

Rooms, each importing only from those before it: words (records and small protocols), policies (gates and
rules), core (the state machine: decides, does no I/O), models (call, wait, wake), options, api, advisor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.api import Run, map, starmap
from iobound.words.attempt import Current, Outcome, current
from iobound.words.errors import BlockingLoopWarning, HungCalls, ItemCancelled, Overloaded, TooManyErrors
from iobound.words.later import later
from iobound.words.spending import spent
from iobound.words.stats import Durations, Stats

if TYPE_CHECKING:
    from iobound.advisor.advice import Advice
    from iobound.advisor.advise import advise
    from iobound.api.bridges import to_async, to_sync
    from iobound.api.executor import Executor
    from iobound.api.limiter import Limiter
    from iobound.policies.adaptive import AdaptiveLimit, FixedLimit
    from iobound.policies.budget import RetryBudget
    from iobound.policies.rate import Rate
    from iobound.policies.retry import Retry

__all__ = [
    "AdaptiveLimit",
    "Advice",
    "BlockingLoopWarning",
    "Current",
    "Durations",
    "Executor",
    "FixedLimit",
    "HungCalls",
    "ItemCancelled",
    "Limiter",
    "Outcome",
    "Overloaded",
    "Rate",
    "Retry",
    "RetryBudget",
    "Run",
    "Stats",
    "TooManyErrors",
    "advise",
    "current",
    "map",
    "spent",
    "starmap",
    "to_async",
    "to_sync",
]
__version__ = "0.1.0"


__getattr__ = later(
    __name__,
    {
        "AdaptiveLimit": "policies.adaptive",
        "Advice": "advisor.advice",
        "Executor": "api.executor",
        "FixedLimit": "policies.adaptive",
        "Limiter": "api.limiter",
        "Rate": "policies.rate",
        "Retry": "policies.retry",
        "RetryBudget": "policies.budget",
        "advise": "advisor.advise",
        "to_async": "api.bridges",
        "to_sync": "api.bridges",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

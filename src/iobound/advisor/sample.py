"""Which items are called, how long it may take, and whom it may hurt. Pure."""

from __future__ import annotations

import random
import re
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from iobound.models.calls import name_of
from iobound.words.checks import refuse
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SAMPLE = 40
"""Items drawn by default."""
MOST_READ = 100_000
"""Items of a source without a length that are looked at: a sample of an endless one would never be drawn."""
UNITS = {"ms": 1e-3, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
DESTRUCTIVE = frozenset(
    [
        "append",
        "buy",
        "cancel",
        "charge",
        "clear",
        "commit",
        "create",
        "delete",
        "deploy",
        "destroy",
        "drop",
        "email",
        "erase",
        "execute",
        "insert",
        "kill",
        "mail",
        "merge",
        "migrate",
        "move",
        "notify",
        "order",
        "overwrite",
        "patch",
        "pay",
        "post",
        "publish",
        "purge",
        "push",
        "put",
        "refund",
        "remove",
        "rename",
        "reset",
        "restart",
        "rm",
        "save",
        "send",
        "set",
        "sms",
        "store",
        "submit",
        "terminate",
        "transfer",
        "truncate",
        "unlink",
        "update",
        "upload",
        "upsert",
        "wipe",
        "write",
    ]
)
"""Words of names whose calls change something outside, so that calling them again and again may hurt."""


def seconds_of(budget: object) -> float:
    """A budget as seconds: a number, or text with a unit.

    Example:
        >>> [seconds_of(budget) for budget in (5, "60s", "1.5m", "500ms")]
        [5.0, 60.0, 90.0, 0.5]

    Raises:
        ValueError, TypeError: it is neither, or not more than nothing.
    """
    wanted = "seconds, more than 0, or text such as '60s' or '2m'"
    if isinstance(budget, str):
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(ms|s|m|min|h|)\s*", budget)
        seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    elif isinstance(budget, int | float) and not isinstance(budget, bool):
        seconds = float(budget)
    else:
        refuse("budget", budget, wanted)
    if not 0 < seconds < float("inf"):
        refuse("budget", budget, wanted)
    return seconds


def drawn(items: Iterable[Any], count: int, seed: int) -> tuple[list[Any], int]:
    """So many of the items, at random, each as likely as any other; and how many there are, 0 if nobody knows.

    Example:
        >>> drawn(range(10_000), 3, seed=7)
        ([5305, 2471, 6468], 10000)
    """
    found = list(items) if hasattr(items, "__len__") else list(islice(iter(items), MOST_READ + 1))
    if not found:
        raise hinted(ValueError("items is empty: there is nothing to measure"), "pass some of the real items")
    rng = random.Random(seed)  # noqa: S311 - a sample, no secret
    known = len(found) if hasattr(items, "__len__") or len(found) <= MOST_READ else 0
    return rng.sample(found, min(count, len(found))), known


def destructive_word(fn: Callable[..., Any]) -> str:
    """The word in the function's name that says it changes something outside; nothing if there is none.

    Example:
        >>> def send_invoice(order): ...
        >>> destructive_word(send_invoice), destructive_word(len)
        ('send', '')
    """
    while isinstance(fn, partial):
        fn = fn.func
    words = (word.lower() for word in WORD.findall(name_of(fn)))
    return next((word for word in words if word in DESTRUCTIVE), "")

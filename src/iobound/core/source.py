"""The source of a run, where it is pulled in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iobound.core.run import Core


def refill(core: Core, items: Iterable[object], now: float) -> bool:
    """Pull from a built-in container as far as the window allows. Whether it may have more."""
    room = core.delivery.room
    batch, error = core.delivery.pull(items, now)
    if core.plain:
        core.pending.extend(batch)
    else:
        core.starts.extend(batch)
    if len(batch) < room:
        core.end_source(error)
    core.losses.review(now)
    return len(batch) == room

"""The source of a run, where it may be pulled in place."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from iobound.words.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iobound.core.run import Core


def refill(core: Core, items: Iterable[object], now: float) -> bool:
    """Pull from a built-in container as far as the window allows. Whether it may have more."""
    delivery, room = core.delivery, core.delivery.room
    index, batch, error = delivery.pulled, [], None
    try:
        for item in islice(items, room):  # `Core.offer`, unrolled: this loop is a tenth of what an item costs
            attempt = Attempt()
            attempt.item = item
            attempt.index = index
            attempt.pulled = now
            index += 1
            batch.append(attempt)
    except Exception as raised:  # noqa: BLE001 - a dict that changed while it was iterated, say
        error = raised
    delivery.pulled = index
    if delivery.ordered:
        delivery.ready.extend(batch)
    if core.plain:
        core.pending.extend(batch)
    else:
        core.lines.extend(batch)
    if len(batch) == room:
        return True
    core.end_source(error)
    return False

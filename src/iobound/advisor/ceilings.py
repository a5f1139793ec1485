"""What is used up when more calls at a time bring no more: the GIL, the processors, the loop. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iobound.advisor.measured import Measured
    from iobound.words.findings import Row

GIL_FULL, CORES_FULL = 0.8, 0.85
"""The shares from which on the GIL, or the processors, are said to be the ceiling; a loop is full as the GIL is."""
SOME = 0.25
"""The least share of the processors that a program takes that is held up by others which take the rest."""
OFTEN = 0.01
"""A share of failed calls that is worth a word in the table."""


def gil_busy(row: Row, measured: Measured) -> float | None:
    """The share of the time in which the calls of a row hold the GIL."""
    held = measured.split.gil
    return None if held is None else min(1.0, row.rate.middle * held.middle)


def surely_held(row: Row, measured: Measured) -> float:
    """The same by the lower bound: what the GIL is certainly held."""
    held = measured.split.gil
    return 0.0 if held is None else row.rate.middle * held.low


def loop_busy(row: Row, measured: Measured) -> float:
    """The share of the time in which the calls of a row, and nothing else, have their loop."""
    return row.rate.middle * measured.split.kept if measured.is_async else 0.0


def ceiling(row: Row, measured: Measured) -> str:
    """What is used up: `"gil"`, `"cores"`, `"loop"`, `"blocked"`, or nothing that can be seen from here."""
    if row.dead:
        return ""
    if not measured.is_async and surely_held(row, measured) >= GIL_FULL:
        return "gil"
    blocks = measured.split.blocking >= measured.split.kept / 2
    if blocks and loop_busy(row, measured) >= GIL_FULL:
        return "blocked"
    if row.cores >= SOME * measured.cores and row.cores + (measured.others or 0.0) >= CORES_FULL * measured.cores:
        return "cores"
    return "loop" if measured.is_async and row.cores >= CORES_FULL else ""


def with_note(row: Row, measured: Measured) -> Row:
    """The row, with what bounds it."""
    notes = {
        "gil": f"GIL busy {gil_busy(row, measured) or 0:.0%}: the ceiling",
        "cores": f"{busy(row, measured)}: the ceiling",
        "loop": f"the loop is busy {min(1.0, row.cores):.0%}: the ceiling",
        "blocked": f"the loop is blocked {min(1.0, loop_busy(row, measured)):.0%}: the ceiling",
        "": "",
    }
    parts = [notes[ceiling(row, measured)]]
    if row.calls and row.failed / row.calls >= OFTEN:
        parts.append(f"{row.failed / row.calls:.0%} of the calls failed")
    return replace(row, note="; ".join(filter(None, parts)))


def busy(row: Row, measured: Measured) -> str:
    """How busy the processors are, and who else it is."""
    told = f"{row.cores:.1f} of {measured.cores:g} processors busy"
    return told if row.cores >= CORES_FULL * measured.cores else f"{told}, {measured.others or 0:.1f} more by others"

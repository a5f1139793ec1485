"""A table of plain text: words to the left, figures to the right."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIGURE = re.compile(r"(-|[+-]?[\d.,]+ ?([kMG]i?B|m?s|x|%)?)")
NOTHING = "-"
"""What stands where nothing was measured."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    r"""The lines of a table. A column of figures is set to the right, any other to the left.

    Example:
        >>> print(*table(["fruit", "kg"], [["apples", "1.50"], ["figs", "20"]]), sep="\n")
        fruit     kg
        apples  1.50
        figs      20
    """
    columns = list(zip(head, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    figures = [all(FIGURE.fullmatch(cell) for cell in column[1:] if cell) for column in columns]
    return ["  ".join(_aligned(row, widths, figures)).rstrip() for row in (head, *rows)]


def _aligned(row: Sequence[str], widths: list[int], figures: list[bool]) -> Iterator[str]:
    for cell, width, figure in zip(row, widths, figures, strict=True):
        yield cell.rjust(width) if figure else cell.ljust(width)

"""Progress in a notebook: one piece of HTML that is replaced, without any widget package."""

from __future__ import annotations

from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from iobound.observers.progress import one_line

if TYPE_CHECKING:
    from iobound.words.stats import Stats


class NotebookView:
    """A bar below the cell that made the run."""

    every = 0.25

    def __init__(self, name: str) -> None:
        shown: Any = import_module("IPython.display")
        self.name = name
        self.html = shown.HTML
        self.handle = shown.display(self.html(bar(name, "", None)), display_id=True)

    def show(self, stats: Stats, total: int | None) -> None:
        """Replace it."""
        done = stats.succeeded + stats.failed
        share = done / total if total else None
        self.handle.update(self.html(bar(self.name, one_line(stats, total), share)))

    def close(self, stats: Stats | None, total: int | None) -> None:
        """Leave the bar as it ended."""
        if stats is not None:
            self.show(stats, total)


def bar(name: str, told: str, share: float | None) -> str:
    """The HTML of a bar; without a share, one that only says that it goes on."""
    value = "" if share is None else f' value="{share:.4f}"'
    return f"<div>{escape(name)} <progress{value}></progress> {escape(told)}</div>"

"""Progress: a thread of its own looks at the statistics now and then; no item pays for it."""

from __future__ import annotations

import sys
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Protocol, Self

from iobound.words.spans import span

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.words.stats import Stats

BAR_EVERY = 0.1
"""Seconds between two looks of a bar."""
LINE_EVERY = 30.0
"""Seconds between two lines, where no terminal is."""


class View(Protocol):
    """What shows progress."""

    every: float
    """Seconds between two looks."""

    def show(self, stats: Stats, total: int | None) -> None:
        """So far is it now."""

    def close(self) -> None:
        """The run is over."""


class Progress:
    """Shows `stats()` in a view while the block runs."""

    def __init__(self, stats: Callable[[], Stats], total: int | None, view: View) -> None:
        self.stats = stats
        self.total = total
        self.view = view
        self.over = Event()
        self.thread = Thread(target=self._watch, name="iobound progress", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self.over.set()
        self.thread.join()
        self.view.close()

    def _watch(self) -> None:
        while not self.over.wait(self.view.every):
            self.view.show(self.stats(), self.total)


class LineView:
    """A line every half minute: for logs."""

    every = LINE_EVERY

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write

    def show(self, stats: Stats, total: int | None) -> None:
        """Write one."""
        self.write(one_line(stats, total))

    def close(self) -> None:
        """The summary says the rest."""


class BarView:
    """A bar on the terminal, by rich; it never touches stdout."""

    every = BAR_EVERY

    def __init__(self, name: str) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where a bar is shown
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[told]}"))
        self.bar: Any = RichProgress(
            *columns,
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.task = self.bar.add_task(name, total=None, told="")
        self.bar.start()

    def show(self, stats: Stats, total: int | None) -> None:
        """Draw it."""
        done = stats.succeeded + stats.failed
        self.bar.update(self.task, completed=done, total=total, told=one_line(stats, total))
        self.bar.refresh()

    def close(self) -> None:
        """Leave the terminal as it was."""
        self.bar.stop()


def one_line(stats: Stats, total: int | None) -> str:
    """How far the run is, for a log or beside a bar."""
    done = stats.succeeded + stats.failed
    rate = done / stats.elapsed if stats.elapsed else 0.0
    of = f"{done:,}/{total:,}" if total is not None else f"{done:,}"
    parts = [of, f"{rate:,.1f}/s", f"in flight {stats.in_flight}"]
    if stats.failed:
        parts.append(f"failed {stats.failed:,}")
    if total is not None and 0 < done < total:
        parts.append(f"ETA {span((total - done) / rate)}")
    return "  ".join(parts)


def is_terminal() -> bool:
    """Whether a person looks at stderr."""
    return sys.stderr is not None and sys.stderr.isatty()

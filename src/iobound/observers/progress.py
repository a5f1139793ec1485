"""Progress: a thread of its own looks at the statistics now and then; no item pays for it."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.util import find_spec
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from iobound.words.errors import logged, said
from iobound.words.spans import span

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.words.stats import Stats

BAR_EVERY = 0.1
"""Seconds between two looks of a bar."""
LINE_EVERY = 30.0
"""Seconds between two lines, where no terminal is."""
PATIENCE = 1.0
"""Seconds that the end of a run waits for whoever shows it."""
DOUBT = 0.5
"""Seconds after which it is noticed that a run was dropped."""


class View(Protocol):
    """What shows progress."""

    every: float
    """Seconds between two looks."""

    def show(self, stats: Stats, total: int | None) -> None:
        """So far is it now."""

    def close(self, stats: Stats | None, total: int | None) -> None:
        """The run is over, and ended so."""


class Progress:
    """Shows how far a run is. A hook: it ends with the run."""

    def __init__(self, view: View, total: int | None) -> None:
        self.view = view
        self.total = total
        self.over = Event()
        self.thread: Thread | None = None

    def begin(self, stats: Callable[[], Stats | None]) -> None:
        """Look at `stats` from now on, until it gives None: there will be no more."""
        self.thread = Thread(target=self._watch, args=(stats,), name="iobound progress", daemon=True)
        self.thread.start()

    def stopped(self, _error: BaseException | None) -> None:
        """The run is over: show how it ended."""
        self.over.set()
        if self.thread is not None:
            self.thread.join(PATIENCE)
            if self.thread.is_alive():
                said(
                    "progress= does not return, and the run does not wait for it", "look at the statistics, and return"
                )

    def _watch(self, stats: Callable[[], Stats | None]) -> None:
        due = monotonic() + self.view.every
        last: Stats | None = None
        try:
            while not self.over.wait(min(self.view.every, DOUBT)) and (last := stats()) is not None:
                if monotonic() >= due:
                    due += self.view.every
                    self.view.show(last, self.total)
            self.view.close(stats() or last, self.total)
        except Exception as error:  # noqa: BLE001 - an observer never hurts a run
            logged(error, "showing progress failed")
            with suppress(Exception):
                self.view.close(None, None)


def view_for(name: str) -> View:
    """What suits whoever looks: a notebook, a terminal, or a log."""
    if in_notebook():
        from iobound.observers.notebook import NotebookView  # noqa: PLC0415 - only there

        return NotebookView(name)
    if is_terminal() and find_spec("rich") is not None:
        return BarView(name)
    return LineView(lambda line: sys.stderr.write(f"{name}: {line}\n"))


class CallView:
    """Calls a function of the user's with the statistics."""

    every = BAR_EVERY

    def __init__(self, fn: Callable[[Stats], object]) -> None:
        self.fn = fn

    def show(self, stats: Stats, _total: int | None) -> None:
        """Call it."""
        self.fn(stats)

    def close(self, stats: Stats | None, _total: int | None) -> None:
        """Call it a last time, with how it ended."""
        if stats is not None:
            self.fn(stats)


class LineView:
    """A line every half minute: for logs."""

    every = LINE_EVERY

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write

    def show(self, stats: Stats, total: int | None) -> None:
        """Write one."""
        self.write(one_line(stats, total))

    def close(self, stats: Stats | None, total: int | None) -> None:
        """A summary says the rest."""


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

    def close(self, stats: Stats | None, total: int | None) -> None:  # noqa: ARG002 - a summary says the rest
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


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


def is_terminal() -> bool:
    """Whether a person looks at stderr."""
    return sys.stderr is not None and sys.stderr.isatty()

"""One run on the command line: results to stdout or a file, everything else to stderr, and an exit code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from iobound.api.mapping import prepare
from iobound.cli.exits import Problem, keywords_refused, say
from iobound.cli.output import as_json
from iobound.cli.overlap import without_output
from iobound.cli.remarks import remarks
from iobound.cli.resource import Setup
from iobound.cli.server import Server
from iobound.cli.sink import Sink
from iobound.cli.stages import Stages
from iobound.models.calls import Call, name_of
from iobound.observers.progress import BarView, LineView, Progress, is_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iobound.cli.items import Items
    from iobound.options import Options
    from iobound.words.attempt import Attempt, Outcome


@dataclass(frozen=True)
class Job:
    """What to run, and how to show it."""

    fn: Callable[[Any], Any]
    items: Items
    options: Options
    render: Callable[[Outcome[Any]], bytes]
    output: str | None = None
    progress: str = "auto"
    quiet: bool = False
    names: bool = False
    """The items are names of files: the output may be among them."""
    preflight: bool = True
    """Try the first item alone."""
    cautious: bool = True
    """Stop if the first calls all fail alike."""

    @property
    def json(self) -> bool:
        """Whether programs read the output."""
        return self.render is as_json


class Source:
    """The items as the run pulls them; the first one alone, and the others when it has passed."""

    def __init__(self, job: Job, sink: Sink) -> None:
        self.each = job.items.each
        if job.names:
            self.each = without_output(self.each, sink.descriptor)
        self.settled_one = Event()
        if not job.preflight:
            self.settled_one.set()

    def __iter__(self) -> Iterator[Any]:
        """The items."""
        try:
            for item in self.each:
                yield item
                self.settled_one.wait()
        except OSError as error:
            raise Problem(f"reading the items failed: {error}") from error

    def settled(self, _attempt: Attempt) -> None:
        """An attempt has ended: as a hook."""
        self.settled_one.set()


def serve(job: Job) -> int:
    """Run the job. Returns the exit code; what ends it early is told, after what was done by then.

    Raises:
        Problem: of the keywords, or of the output: nothing was begun.
    """
    with Sink(job.output) as sink:
        source, options = Source(job, sink), job.options
        hooks: list[object] = [source] if job.preflight else []
        setup = None if options.setup is None else Setup(options.setup, source.settled_one.set)
        shown = _progress(job, sink)
        bar = shown is not None and isinstance(shown.view, BarView)
        if shown is not None:
            hooks.append(shown)
            sink.shared = sink.is_terminal and bar
        each = job.items.each if job.items.total is not None and not job.preflight else source
        with keywords_refused():
            run = prepare(Call(job.fn, setup=setup), each, replace(options, setup=setup, hooks=hooks))
        server = Server(job, run, sink, setup)
        with Stages(run, options.grace, bar=bar) as stages, remarks(quiet=job.quiet, bar=bar), run:
            if shown is not None:
                shown.begin(lambda: run.stats)
            server.consume(stages)
        return server.end(stages.code)


def _progress(job: Job, sink: Sink) -> Progress | None:
    """Who shows how far the run is. Where results go to the terminal themselves they show it."""
    kind = job.progress
    if kind == "auto":
        kind = "line" if not is_terminal() else "none" if sink.is_terminal else "bar"
        kind = "none" if job.quiet else kind
    if kind == "none":
        return None
    return Progress(BarView(name_of(job.fn)) if kind == "bar" else LineView(say), job.items.total)

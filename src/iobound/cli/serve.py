"""One run on the command line: results to stdout or a file, everything else to stderr, and an exit code."""

from __future__ import annotations

import json
import traceback
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any

from iobound.api.mapping import prepare
from iobound.cli.exits import HALTED, OK, SOME_FAILED, OutputClosed, Problem, complain, hint_of, keywords_refused, say
from iobound.cli.output import VERSION, Sink, as_json
from iobound.cli.stages import Stages
from iobound.models.calls import Call, name_of
from iobound.observers.progress import BarView, LineView, Progress, is_terminal
from iobound.report.failures import Failures
from iobound.report.summary import facts, summary
from iobound.words.errors import HungCalls, TooManyErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iobound.api.run import Run
    from iobound.cli.items import Items
    from iobound.options import Options
    from iobound.words.attempt import Attempt, Outcome

ALIKE = 20
"""So many failures of one kind, and nothing else, from the start: the next thousand will not be better."""


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
    cautious: bool = True
    """Try the first item alone, and stop if the first calls all fail alike."""

    @property
    def json(self) -> bool:
        """Whether programs read the output."""
        return self.render is as_json


class First:
    """A source that gives the first item alone, and the others when it has passed."""

    def __init__(self, items: Items) -> None:
        self.items = items
        self.settled_one = Event()

    def __iter__(self) -> Iterator[Any]:
        """The items, the first alone."""
        for item in self.items.each:
            yield item
            self.settled_one.wait()

    def settled(self, _attempt: Attempt) -> None:
        """An attempt has ended: as a hook."""
        self.settled_one.set()


def serve(job: Job) -> int:
    """Run the job. Returns the exit code.

    Raises:
        Problem: of the items, the output, or the first call.
        OutputClosed: nobody reads the results any more.
    """
    first = First(job.items)
    progress = _progress(job)
    hooks = [hook for hook in (first if job.cautious else None, progress) if hook is not None]
    options = replace(job.options, hooks=hooks)
    source = first if job.cautious else job.items.each
    with keywords_refused():
        run = prepare(Call(job.fn, setup=options.setup), source, options)
    with Sink(job.output) as sink, Stages(run, options.grace) as stages, run:
        if progress is not None:
            progress.begin(lambda: run.stats)
        server = Server(job, run, sink)
        try:
            ending = server.consume()
        except (Problem, OutputClosed):
            run.cancel()
            raise
        except RuntimeError:
            if stages.code is None:
                raise
            ending = None
    return server.end(ending, stages.code)


class Server:
    """Takes the outcomes of a run: writes those that succeeded, groups those that failed."""

    def __init__(self, job: Job, run: Run[Any], sink: Sink) -> None:
        self.job = job
        self.run = run
        self.sink = sink
        self.failures = Failures()
        self.taken = 0

    def consume(self) -> str:
        """Take everything. Returns why the run was halted, if it was."""
        try:
            for outcome in self.run:
                self.take(outcome)
                if self.job.cautious and self.alike():
                    self.run.cancel()
                    return f"the first {ALIKE} calls all failed alike"
        except (TooManyErrors, HungCalls, TimeoutError) as error:
            return str(error)
        except SystemExit as error:
            self.run.cancel()
            return f"{name_of(self.job.fn)}() called sys.exit({error.code!r})"
        return ""

    def take(self, outcome: Outcome[Any]) -> None:
        """One outcome."""
        if not outcome.ok:
            if self.job.cautious and outcome.index == 0:
                raise _first_failed(outcome)
            self.failures.add(outcome)
        self.taken += 1
        line = self.job.render(outcome)
        if line:
            self.sink.write(line)

    def alike(self) -> bool:
        """Whether all calls but the first have failed in one way."""
        count = self.taken - 1
        return count == ALIKE == self.failures.count and len(self.failures.groups) == 1

    def end(self, halted: str | None, signalled: int | None) -> int:
        """Say what became of it; the exit code."""
        stats = self.run.stats
        if self.job.json:
            code = signalled or (HALTED if halted else SOME_FAILED if self.failures.count else OK)
            told = {"v": VERSION, "type": "summary", **facts(stats, self.failures), "exit": code}
            say(json.dumps(told | ({"halted": halted} if halted else {})))
            return code
        if not self.job.quiet or self.failures.count or halted or signalled:
            for line in summary(stats, self.failures):
                say(line)
        if signalled:
            of = "" if self.job.items.total is None else f" of {self.job.items.total:,}"
            say(f"interrupted: {self.taken:,}{of} done, and written; the others were not started or not finished")
            return signalled
        if halted:
            complain(f"halted: {halted}", "what was done is written")
            return HALTED
        return SOME_FAILED if self.failures.count else OK


def _progress(job: Job) -> Progress | None:
    kind = job.progress
    if kind == "auto":
        kind = "none" if job.quiet else "bar" if is_terminal() else "line"
    if kind == "none":
        return None
    return Progress(BarView(name_of(job.fn)) if kind == "bar" else LineView(say), job.items.total)


def _first_failed(outcome: Outcome[Any]) -> Problem:
    """The first call failed: nothing else was run, and this is why and where."""
    error = outcome.error
    assert error is not None  # noqa: S101 - it failed
    frames = traceback.extract_tb(error.__traceback__)
    place = f"  ({frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    told = f"the first item failed, and nothing else was run: {type(error).__name__}: {error}{place}"
    return Problem(told, hint_of(error) or f"item {outcome.item!r:.80}; --no-preflight goes on all the same")

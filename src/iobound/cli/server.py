"""Whoever takes the outcomes of a run on the command line, and says in the end what became of it."""

from __future__ import annotations

import json
import os
import traceback
from typing import TYPE_CHECKING, Any

from iobound.cli.exits import (
    BUG,
    HALTED,
    NOBODY_READS,
    OK,
    SOME_FAILED,
    OutputClosed,
    Problem,
    complain,
    hint_of,
    say,
)
from iobound.cli.output import VERSION, rendered
from iobound.cli.remarks import spoken
from iobound.models.calls import name_of
from iobound.report.failures import message_of, text_of, without_item
from iobound.report.summary import facts, summary
from iobound.report.taken import Taken
from iobound.words.errors import HungCalls, TooManyErrors

if TYPE_CHECKING:
    from iobound.api.run import Run
    from iobound.cli.resource import Setup
    from iobound.cli.serve import Job
    from iobound.cli.sink import Sink
    from iobound.cli.stages import Stages
    from iobound.words.attempt import Outcome

ALIKE = 20
"""So many failures of one kind, and nothing else, from the start: the next thousand will not be better."""

OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120 - frames hold strings
"""Where no mistake of the user's is to be looked for."""


class Server:
    """Takes the outcomes of a run: writes those that succeeded, groups those that failed."""

    def __init__(self, job: Job, run: Run[Any], sink: Sink, setup: Setup | None) -> None:
        self.job = job
        self.run = run
        self.sink = sink
        self.setup = setup
        self.taken = Taken()
        self.forms: set[tuple[object, ...]] = set()
        """What the first failures say."""
        self.halted = ""
        """Why the run was stopped, though items were left."""
        self.advice = "what was done is written"
        self.problem: Problem | None = None
        self.first_failed = False

    def consume(self, stages: Stages) -> None:
        """Take everything, or what there is before something ends it."""
        try:
            for outcome in self.run:
                self.take(outcome)
                if self.alike():
                    self.halted = f"the first {ALIKE} calls{' after the preflight' * self.alone} all failed alike"
                    self.advice = "--max-errors 100% goes on all the same"
                    break
        except BaseException as error:  # noqa: BLE001 - an end has many names
            self._ended(error, interrupted=stages.code is not None)
        self.run.cancel()

    def take(self, outcome: Outcome[Any]) -> None:
        """One outcome."""
        told, line = rendered(outcome, self.job.render)
        if not told.ok and told.index == 0 and self.job.preflight:
            self.first_failed = True
            self.taken.add(told)
            raise _first_failed(told)
        if line:
            self.sink.write(line)
        self.taken.add(told)
        self.taken.spoiled += outcome.ok and not told.ok
        if not told.ok and self.taken.count <= ALIKE + self.alone:
            self.forms.add(_form(told))

    @property
    def alone(self) -> int:
        """How many items were tried alone before the others: they have succeeded."""
        return int(self.job.preflight)

    def alike(self) -> bool:
        """Whether the others have all come to one failure so far; a limit that was given is the only one."""
        if not self.job.cautious or self.job.options.max_errors is not None:
            return False
        return self.taken.failures.count == ALIKE == self.taken.count - self.alone and len(self.forms) == 1

    def _ended(self, error: BaseException, *, interrupted: bool) -> None:
        """The run is over before its end."""
        if self.setup is not None and self.setup.not_entered is not None:
            self.problem = self.setup.problem(begun=self.taken.count > 0)
        elif isinstance(error, Problem):
            self.problem = error
        elif isinstance(error, OutputClosed):
            self.problem = Problem("", code=NOBODY_READS)
        elif isinstance(error, SystemExit):
            self.halted = f"{name_of(self.job.fn)}() called sys.exit({_shown(error.code)})"
        elif not isinstance(error, Exception):
            self.halted = f"{name_of(self.job.fn)}() raised {type(error).__name__}"
        elif isinstance(error, TooManyErrors | HungCalls | TimeoutError):
            self.halted = spoken(str(error))
        elif not (interrupted and isinstance(error, RuntimeError)):
            say(traceback.format_exc().rstrip(), clear=True)
            self.problem = Problem("this is a bug in iobound", "please report it, with the lines above", BUG)

    def end(self, signalled: int | None) -> int:
        """Say what became of it; the exit code."""
        code = self._code(signalled)
        if code in (OK, SOME_FAILED) or (self.taken.count and not self.first_failed):
            self.sink.begin()
        if self.job.json:
            self._complain()
            told = {"v": VERSION, "type": "summary", **facts(self.run.stats, self.taken), "exit": code}
            say(json.dumps(told | ({"halted": self.halted} if self.halted else {})))
            return code
        if code != NOBODY_READS and self._worth_saying(code):
            for line in summary(self.run.stats, self.taken):
                say(line)
        if signalled and self.problem is None:
            of = "" if self.job.items.total is None else f" of {self.job.items.total:,}"
            say(f"interrupted: {self.taken.count:,}{of} done, and written; the others were not started or not finished")
        elif self.halted and self.problem is None:
            complain(f"halted: {self.halted}", self.advice)
        self._complain()
        return code

    def _complain(self) -> None:
        if self.problem is not None and self.problem.message:
            complain(self.problem.message, self.problem.hint)
        if self.setup is not None and self.setup.not_left is not None:
            complain(self.setup.warning(), "every call was over by then" * (self.problem is None))

    def _code(self, signalled: int | None) -> int:
        if self.problem is not None:
            return self.problem.code
        if signalled:
            return signalled
        if self.halted:
            return HALTED
        unwell = self.taken.failures.count or (self.setup is not None and self.setup.not_left is not None)
        return SOME_FAILED if unwell else OK

    def _worth_saying(self, code: int) -> bool:
        """Whether a person wants the summary: not for one failure that is told anyway, nor for nothing at all."""
        if self.problem is not None and (self.first_failed or not self.taken.count):
            return False
        return not self.job.quiet or code != OK


def _form(outcome: Outcome[Any]) -> tuple[object, ...]:
    """What two failures have in common if the next thousand will have it too.

    The text without the item. An error about a file is about that file, even if it is not named as the item is.
    """
    error = outcome.error
    own = outcome.index if getattr(error, "filename", None) is not None else None
    return type(error), without_item(message_of(error), outcome.item), own


def _first_failed(outcome: Outcome[Any]) -> Problem:
    """The first call failed: nothing else was run, and this is why and where."""
    error = outcome.error
    assert error is not None  # noqa: S101 - it failed
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(OURS)]
    place = f"  ({frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    told = f"the first item failed, and nothing else was run: {type(error).__name__}: {message_of(error)}{place}"
    return Problem(told, hint_of(error) or f"item {_shown(outcome.item)}; --no-preflight goes on all the same")


def _shown(item: object) -> str:
    try:
        return f"{item!r:.80}"
    except Exception:  # noqa: BLE001 - a call may have put anything into it
        return text_of(item)[:80]

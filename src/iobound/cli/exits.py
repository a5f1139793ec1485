"""Exit codes, and the one way in which the command line says what is wrong."""

from __future__ import annotations

import os
import select
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OK = 0
SOME_FAILED = 1
"""The run went to its end, and some items failed."""
WRONG_INPUT = 2
"""Usage, input, the function, the first item, or where the results should go."""
HALTED = 3
"""By `--max-errors`, `--timeout`, hung calls, `sys.exit` in a call, or because the first calls all failed alike."""
BUG = 70
"""An error of iobound itself."""
INTERRUPTED = 130
TERMINATED = 143
NOBODY_READS = 141
"""Whoever read the results went away, as `head` does: what SIGPIPE would have given."""
CLEAR = b"\r\x1b[2K"
"""What takes a bar off its line."""


class Problem(Exception):  # noqa: N818 - it is told as one
    """Something the user can mend: one line, and one of advice."""

    def __init__(self, message: str, hint: str = "", code: int = WRONG_INPUT) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


@contextmanager
def keywords_refused() -> Iterator[None]:
    """What the API refuses is the user's mistake; its messages are for the command line too, in its own words."""
    try:
        yield
    except (TypeError, ValueError) as error:
        from iobound.cli.remarks import spoken  # noqa: PLC0415 - only what goes wrong pays for it

        raise Problem(spoken(str(error)), hint_of(error)) from None


def hint_of(error: BaseException) -> str:
    """The advice that came with an error, if any, in the words of the command line."""
    hints = (note.removeprefix("hint: ") for note in getattr(error, "__notes__", ()) if note.startswith("hint: "))
    if (hint := next(hints, None)) is None:
        return ""
    from iobound.cli.remarks import spoken  # noqa: PLC0415 - as above

    return spoken(hint)


class OutputClosed(Exception):  # noqa: N818
    """Nobody reads the results any more."""


def write_all(descriptor: int, line: bytes) -> OSError | None:
    """Write a line to its end, by one call to the system if it can be. Returns what made that impossible.

    Whoever started us may have made the stream one that does not wait: then it is waited for here.
    """
    try:
        while line:
            try:
                line = line[os.write(descriptor, line) :]
            except BlockingIOError:
                select.select([], [descriptor], [])
    except OSError as error:
        return error
    return None


def say(line: str, *, clear: bool = False) -> None:
    """One line to the person: on stderr, at once and whole, also from a signal handler; `clear`: where a bar is."""
    write_all(2, CLEAR * clear + (line + "\n").encode(errors="backslashreplace"))  # perhaps nobody listens


def complain(message: str, hint: str = "") -> None:
    """Say what is wrong, and what to do about it."""
    say(f"error: {message}" + (f"\n  hint: {hint}" if hint else ""))


def close_streams() -> None:
    """Leave Python nothing to flush: where stdout is closed it would complain at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for the rest of the process

"""Where results go: stdout or a file, a whole line at a time, and never over what was there before its time."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from iobound.cli.exits import CLEAR, OutputClosed, Problem, close_streams, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

STDOUT, STDERR = 1, 2


class Sink:
    """Writes each line at once, and never half of it.

    A file is opened when the command starts, so that one which cannot be written is refused before anything is run;
    it is emptied by the first line, or by `begin`, so that a run which never was leaves it as it is.
    """

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.whole = 0
        self.begun = self.made = False
        self.shared = False
        """A bar is drawn where the lines go."""
        self.descriptor = STDOUT
        if path not in (None, "-"):
            try:
                self.made = not Path(str(path)).exists()
                self.descriptor = os.open(str(path), os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            except OSError as error:
                raise Problem(f"cannot write {path!r}: {error.strerror}") from None

    @property
    def is_terminal(self) -> bool:
        """Whether a person sees the lines as they come."""
        return os.isatty(self.descriptor)

    def __enter__(self) -> Self:
        """Close the file at the end."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Close the file, and take it away if nothing has begun; stdout is not ours."""
        if self.descriptor == STDOUT:
            return
        os.close(self.descriptor)
        if self.made and not self.begun:
            Path(str(self.path)).unlink(missing_ok=True)

    def begin(self) -> None:
        """What comes now replaces what was there."""
        if not self.begun:
            self.begun = True
            if self._is_file():
                os.ftruncate(self.descriptor, 0)

    def write(self, line: bytes) -> None:
        """Write a whole line, or nothing of it."""
        self.begin()
        written = write_all(self.descriptor, CLEAR + line if self.shared else line)
        if isinstance(written, OSError):
            self._cut()
            if written.errno == errno.EPIPE:
                raise OutputClosed from None
            where = "stdout" if self.descriptor == STDOUT else repr(self.path)
            raise Problem(f"cannot write to {where}: {written.strerror}", "results before it are written")
        self.whole += len(line)

    def _cut(self) -> None:
        """Take back the beginning of a line whose end found no room."""
        if self._is_file():
            os.ftruncate(self.descriptor, self.whole)

    def _is_file(self) -> bool:
        return self.descriptor != STDOUT and stat.S_ISREG(os.fstat(self.descriptor).st_mode)


def answer(text: str) -> None:
    """What a command has to say, on stdout: written as results are, and whoever reads it may be gone as theirs may.

    Raises:
        OutputClosed, Problem: it cannot be written.
    """
    Sink(None).write(f"{text}\n".encode(errors="backslashreplace"))


@contextmanager
def prints_aside() -> Iterator[None]:
    """What the user's code prints meanwhile goes to stderr: stdout is for the answer alone.

    By its descriptor, so that subprocesses do the same, and whoever has kept `sys.stdout`.

    Raises:
        Problem: there is no stdout.
    """
    if sys.stdout is None:
        raise Problem(f"cannot write to stdout: {os.strerror(errno.EBADF)}")
    sys.stdout.flush()
    with open(os.devnull, "wb"):  # noqa: PTH123 - where stderr is closed it takes that descriptor
        kept = os.dup(STDOUT)
        os.dup2(STDERR, STDOUT)
        try:
            yield
        finally:
            close_streams()
            os.dup2(kept, STDOUT)
            os.close(kept)

"""Where results go: stdout or a file, a whole line at a time."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from iobound.cli.exits import OutputClosed, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.words.attempt import Outcome

VERSION = 1
"""Of the lines that `--json` writes; raised when a field changes its meaning."""


class Sink:
    """Writes each line by one call to the system, so that it is there at once, and never half of it."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.whole = 0
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0)
            self.descriptor = 1 if path in (None, "-") else os.open(str(path), flags, 0o666)
        except OSError as error:
            raise Problem(f"cannot write {path!r}: {error.strerror}") from None

    def __enter__(self) -> Self:
        """Close the file at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file; stdout is not ours."""
        if self.descriptor != 1:
            os.close(self.descriptor)

    def write(self, line: bytes) -> None:
        """Write a whole line, or nothing of it."""
        written = 0
        try:
            while written < len(line):
                written += os.write(self.descriptor, line[written:])
        except OSError as error:
            self._cut(written)
            if error.errno == errno.EPIPE:
                raise OutputClosed from None
            where = "stdout" if self.descriptor == 1 else repr(self.path)
            raise Problem(f"cannot write to {where}: {error.strerror}", "results before it are written") from None
        self.whole += written

    def _cut(self, written: int) -> None:
        """Take back the beginning of a line whose end found no room."""
        if written and self.descriptor != 1 and Path(str(self.path)).is_file():
            os.ftruncate(self.descriptor, self.whole)


def as_value(outcome: Outcome[Any]) -> bytes:
    """What a call returned, for people and pipes: text as it is, bytes as they are, anything else as JSON."""
    value = outcome.value
    if not outcome.ok or value is None:
        return b""
    if isinstance(value, bytes):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return (text + "\n").encode(errors="surrogateescape")


def as_json(outcome: Outcome[Any]) -> bytes:
    """A line for programs: what became of one item."""
    told: dict[str, Any] = {"v": VERSION, "i": outcome.index, "item": outcome.item}
    if outcome.ok:
        told |= {"status": "ok", "value": outcome.value}
    else:
        error = outcome.error
        told |= {"status": "failed", "error": {"type": type(error).__name__, "message": str(error)}}
    told |= {"attempts": outcome.attempts, "queue_s": round(outcome.waited, 6), "run_s": round(outcome.duration, 6)}
    return (json.dumps(told, default=_plain) + "\n").encode()


def _plain(value: Any) -> Any:
    """What JSON has no form for."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def renderer(*, json_lines: bool) -> Callable[[Outcome[Any]], bytes]:
    """How outcomes are written."""
    return as_json if json_lines else as_value

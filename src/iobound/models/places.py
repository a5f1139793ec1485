"""Where in the user's own code a call stands, read from the frames of a thread."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iobound.models.task_worker import TaskWorker

if TYPE_CHECKING:
    from types import CodeType, FrameType

STEPS: CodeType = TaskWorker._steps.__code__  # noqa: SLF001 - the frame that steps the user's coroutines
MODELS = os.path.dirname(__file__) + os.sep  # noqa: PTH120 - compared with what frames say, text with text
OURS = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120
CALLS = os.path.join(MODELS, "calls.py")  # noqa: PTH118
"""Around the user's function, where it takes more than the item."""
LIBRARY = (os.path.dirname(os.__file__) + os.sep, "<frozen ")  # noqa: PTH120
INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the user's code; it keeps no frame, and so nothing alive that the call works with."""

    file: str
    line: int
    code: CodeType = field(compare=False, repr=False)
    instruction: int = field(compare=False)
    scope: dict[str, Any] = field(compare=False, repr=False)
    """The names of its module."""

    def __str__(self) -> str:
        """`jobs.py:17 (time.sleep)`."""
        called = self.called()
        return f"{shown(self.file)}:{self.line}" + (f" ({called})" if called else "")

    def called(self) -> str | None:
        """The name that is called there, `time.sleep`; None where it has none, as where something is computed."""
        import ast  # noqa: PLC0415 - only who blocks a loop pays for it
        import linecache  # noqa: PLC0415
        from itertools import islice  # noqa: PLC0415

        positions = islice(self.code.co_positions(), max(0, self.instruction // 2), None)
        line, last, start, end = next(positions, (None,) * 4)
        if line is None or last is None or start is None or end is None:
            return None  # Python runs without them
        lines = [each.encode() for each in linecache.getlines(self.file, self.scope)[line - 1 : last]]
        if not lines:
            return None
        lines[-1] = lines[-1][:end]
        lines[0] = lines[0][start:]
        try:
            tree = ast.parse(b"".join(lines), mode="eval").body
        except (SyntaxError, ValueError):
            return None  # the file is another by now
        name = ast.unparse(tree.func) if isinstance(tree, ast.Call) else ""
        return name if name.replace(".", "_").isidentifier() and len(name) <= LONGEST_NAME else None


def place_in(frame: FrameType | None) -> Place | None:
    """Where the call of a run stands in that `frame` is the innermost: the deepest line of the user's own code.

    None where no call of a run is stepped, or where it waits inside iobound, which says so itself (by a warning about
    a plain `for`, say), or where a hook is at work.
    """
    theirs = last = None
    while frame is not None and frame.f_code is not STEPS:
        file = frame.f_code.co_filename
        if theirs is None and file != CALLS:
            if file.startswith(OURS):
                return None
            if not _is_library(file):
                theirs = _place_of(frame)
        last, frame = frame, frame.f_back
    if frame is None or last is None:
        return None
    outermost = last.f_code.co_filename
    if outermost.startswith(MODELS) and outermost != CALLS:
        return None
    return theirs or _place_of(last)


def _place_of(frame: FrameType) -> Place:
    return Place(
        frame.f_code.co_filename,
        frame.f_lineno or frame.f_code.co_firstlineno,
        frame.f_code,
        frame.f_lasti,
        frame.f_globals,
    )


def _is_library(file: str) -> bool:
    return file.startswith(LIBRARY) or any(folder in file for folder in INSTALLED)


def shown(file: str) -> str:
    """The file as a person would name it: from the working directory, if it lies there."""
    try:
        here = os.getcwd() + os.sep  # noqa: PTH109 - text again
    except OSError:
        return file
    return file.removeprefix(here)

"""The output is never the input: what would be emptied before it is read is refused, as `cat f > f` is."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from iobound.cli.exits import Problem, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

STDIN, STDOUT = 0, 1


def refuse_input(output: str | None, file: str | None) -> None:
    """Refuse an output that is the file of the items, by whatever name: a link is the same file."""
    own = identity(STDOUT if output in (None, "-") else str(output))
    if own is not None and file is not None and identity(STDIN if file == "-" else file) == own:
        raise Problem("the output file is the input", "write to another file, and rename it afterwards")


def refuse_items(output: str | None, names: Iterable[str]) -> None:
    """Refuse an output that is one of the files that are items."""
    own = None if output in (None, "-") else identity(str(output))  # a shell has emptied it already
    for name in names if own is not None else ():
        if identity(name) == own:
            raise Problem(f"the output file is the input: {name!r} is one of the items", "name another file with -o")


def refuse_below(output: str | None, folders: Sequence[str]) -> None:
    """Refuse an output that is there already, and would be met on the way through one of the folders."""
    if output in (None, "-") or identity(str(output)) is None:
        return
    path = Path(str(output)).resolve()
    for folder in folders:
        if Path(folder).is_dir() and path.is_relative_to(Path(folder).resolve()):
            told = f"the output file is the input: {output!r} is one of the files below {folder!r}"
            raise Problem(told, "remove it first, or name a file elsewhere with -o")


def without_output(names: Iterable[str], descriptor: int) -> Iterator[str]:
    """The names but that of the output, which a walk may meet: it was made for this run."""
    own = None if descriptor == STDOUT else identity(descriptor)
    for name in names:
        if own is not None and identity(name) == own:
            say(f"skipped {name!r}: the results are written there")
        else:
            yield name


def identity(file: str | int) -> tuple[int, int] | None:
    """What tells a file from every other one; None where nothing can be lost: no file yet, a pipe, a terminal."""
    try:
        found = os.stat(file)  # noqa: PTH116 - descriptors too
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None

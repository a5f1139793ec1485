"""The demo's first half: very many files, copied and hashed in every way of `iobound.lab.ways`."""

from __future__ import annotations

import os
import sysconfig
import time
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from iobound.lab.child import DESCRIPTORS, PAUSE, ChildError, Measured, NotInstalledError, measure
from iobound.lab.ways import WAYS, answer
from iobound.report.table import NOTHING, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROUNDS = 3
"""How often every way is gone, each time in a fresh process; the round with the median time is shown."""
ENOUGH = 12.0
"""Seconds after which no further round begins."""
MOST_FILES = 4_000
MOST_BYTES = 200_000_000
"""Every way copies all files, so a folder larger than this is taken in part."""
HEAD = ("", "seconds", "CPU s", "done", "failed", "memory", "threads", "descriptors", "answer")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files that are copied: whole, readable, the same for every way."""

    root: Path
    files: list[Path]
    size: int
    """Bytes."""
    all: bool
    """Whether the folder has no more than these."""


@dataclass(slots=True)
class Row:
    """What the rounds of one way gave."""

    way: str
    rounds: list[Measured] = field(default_factory=list)
    trouble: ChildError | None = None
    """Why there is no result; the way is not gone again."""
    wrong: bool = False
    """All files were said to be done, and the answer or a copy was not right."""

    @property
    def median(self) -> Measured:
        """The round that took the median time."""
        return sorted(self.rounds, key=lambda each: each.wall)[(len(self.rounds) - 1) // 2]

    @property
    def bad(self) -> bool:
        """Whether this row fails the demo: not what a textbook program cannot do, but what nobody may do."""
        broken = self.trouble is not None and not isinstance(self.trouble, NotInstalledError)
        lost = any(each.value["failed"] for each in self.rounds)
        return self.wrong or ((broken or lost) and not WAYS[self.way].may_fail)


def choose(folder: Path | None) -> Chosen:
    """The files below a folder, or the sources of this interpreter's standard library.

    Raises:
        FileNotFoundError: there is none.
    """
    root = folder or Path(sysconfig.get_path("stdlib"))
    files: list[Path] = []
    size = 0
    for file in candidates(root, "" if folder else ".py"):
        size += file.stat().st_size
        if len(files) == MOST_FILES or size > MOST_BYTES:
            size -= file.stat().st_size
            return Chosen(root, files, size, all=False)
        files.append(file)
    if not files:
        raise FileNotFoundError(f"no files to read below {root}")
    return Chosen(root, files, size, all=True)


def candidates(root: Path, ending: str) -> Iterator[Path]:
    """Regular, readable files below a folder, sorted; what was installed beside a library is not part of it."""
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name != "site-packages")
        for name in sorted(names):
            file = Path(folder, name)
            if name.endswith(ending) and file.is_file() and os.access(file, os.R_OK):
                yield file


def go(row: Row, sources: list[str], right: str) -> None:
    """One round of one way, in a fresh process and a fresh folder."""
    way = WAYS[row.way]
    with TemporaryDirectory(prefix="iobound-demo-") as scratch:
        try:
            measured = measure("iobound.lab.ways:walk", row.way, sources, scratch, needs=way.needs)
        except ChildError as error:
            row.trouble = error
            return
        row.rounds.append(measured)
        if not measured.value["failed"]:
            copies = (Path(scratch, str(number)) for number in range(len(sources)))
            row.wrong |= measured.value["answer"] != right or written(copies) != right


def written(copies: Iterator[Path]) -> str:
    """The answer according to the copies; one that is missing makes it another."""
    return answer(takewhile(Path.exists, copies))


def compare(chosen: Chosen, out: Callable[[str], None]) -> bool:
    """Go every way, and print the table; whether nothing was wrong."""
    sources = [str(file) for file in chosen.files]
    right = answer(chosen.files)  # reads every file once: from here on all are cached
    rows = [Row(way) for way in WAYS]
    began = time.monotonic()
    for round_ in range(ROUNDS):
        if round_ and time.monotonic() - began > ENOUGH:
            break
        for row in reversed(rows) if round_ % 2 else rows:  # a drift of the machine hits all alike
            if not row.trouble:
                go(row, sources, right)
    for line in (*table(HEAD, [cells(row) for row in rows]), "", *notes(rows)):
        out(line)
    return not any(row.bad for row in rows)


def cells(row: Row) -> Sequence[str]:
    """One line of the table."""
    if row.trouble or not row.rounds:
        nothing = [NOTHING] * (len(HEAD) - 2)
        return (row.way, *nothing, "not installed" if isinstance(row.trouble, NotInstalledError) else "crashed")
    it = row.median
    verdict = "WRONG" if row.wrong else "incomplete" if it.value["failed"] else "same"
    return (
        row.way,
        f"{it.wall:.2f}",
        f"{it.cpu:.2f}",
        f"{it.value['done']:,}",
        f"{it.value['failed']:,}",
        NOTHING if it.memory is None else f"{it.memory / 2**20:.0f} MiB",
        NOTHING if it.threads is None else f"{it.threads:,}",
        NOTHING if it.descriptors is None else f"{it.descriptors:,}",
        verdict,
    )


def notes(rows: Sequence[Row]) -> Iterator[str]:
    """What went wrong in which row, how it was measured, and how to read it."""
    missing = set[str]()
    for row in rows:
        if isinstance(row.trouble, NotInstalledError):
            missing.add(row.trouble.name)
        elif row.trouble:
            yield f"{row.way}: {row.trouble}"
        elif row.median.value["failed"]:
            it = row.median.value
            yield f"{row.way}: {it['failed']:,} of {it['done'] + it['failed']:,} files failed, first: {it['error']}"
        if row.wrong:
            yield f"WRONG ANSWER from {row.way}, unless a file was changed meanwhile"
    for name in sorted(missing):
        yield f"{name} is not installed: pip install {name} adds its rows"
    measured = [each for row in rows for each in row.rounds]
    limits = {each.descriptor_limit for each in measured}
    rounds = max((len(row.rounds) for row in rows), default=0)
    yield f"Each row is a fresh process {limited(limits)}; the one with the median time of {rounds}."
    yield f"Memory is the peak of the whole process; threads and descriptors are sampled every {1000 * PAUSE:.0f} ms."
    yield "Cached files make nobody wait, so a plain loop is hard to beat: see who fails, and what the others cost."


def limited(limits: set[int | None]) -> str:
    """The limit of descriptors in words."""
    if limits == {DESCRIPTORS}:
        return f"that may open {DESCRIPTORS:,} descriptors, a common limit"
    if None in limits:
        return "(this system sets no limit of descriptors)"
    return f"that may open {', '.join(f'{limit:,}' for limit in limits if limit)} descriptors"

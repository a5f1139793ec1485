"""What iobound does, shown on this machine in less than a minute, offline.

    iobound demo            # the sources of this interpreter's standard library, then HTTP
    iobound demo FOLDER     # the files of a folder of yours, then HTTP

Every answer is checked; if one is wrong it is named, and the exit code is 1.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import iobound
from iobound.lab import files, web

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NEXT = """\
Next: iobound demo FOLDER            measures your own files
      iobound hash FOLDER            checksums of them, as sha256sum writes them
      iobound run MODULE:FUNCTION    calls a function of yours for every line of a file
      docs/tutorial.md               the first ten minutes"""


def show(folder: Path | None = None, out: Callable[[str], None] = print) -> int:
    """Measure and print, line by line, through `out`.

    Args:
        folder: its files are measured, instead of the standard library.
        out: is given every line; `print`, for example.

    Returns:
        The exit code: 0, or 1 if any answer was wrong.

    Raises:
        FileNotFoundError: there is no file to read below the folder.
    """
    chosen = files.choose(folder)
    out(f"iobound {iobound.__version__} on Python {sys.version.split()[0]}, {sys.platform}")
    out("")
    part = "" if chosen.all else "the first "
    out(f"1. Files: {part}{len(chosen.files):,} below {chosen.root}, {chosen.size / 1e6:.1f} MB")
    out("   Each is read, hashed (SHA-256) and written to a scratch folder.")
    out("")
    right = files.compare(chosen, out)
    out("")
    right &= web.compare(out)
    out("")
    for line in NEXT.splitlines():
        out(line)
    return 0 if right else 1

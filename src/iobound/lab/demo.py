"""What iobound does, shown on this machine in less than a minute, offline.

    python -m iobound.lab.demo            # the sources of this interpreter's standard library, then HTTP
    python -m iobound.lab.demo FOLDER     # the files of a folder of yours, then HTTP

Every answer is checked; if one is wrong it is named, and the exit code is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import iobound
from iobound.lab import files, web

if TYPE_CHECKING:
    from collections.abc import Callable

USAGE = 2
INTERRUPTED = 130
NEXT = """\
Next: python -m iobound.lab.demo FOLDER   measures your own files
      docs/tutorial.md                    the first ten minutes
      docs/guides/files.md                which model for files, and why"""


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


def main(folder: str | None = None) -> int:
    """`show`, for a command line; the exit code."""
    try:
        return show(Path(folder) if folder else None)
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command talks
        return USAGE
    except KeyboardInterrupt:
        print("interrupted: nothing is left behind", file=sys.stderr)  # noqa: T201 - a command talks
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

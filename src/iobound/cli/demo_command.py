"""`iobound demo`: what it does on this machine, beside the textbook programs."""

from __future__ import annotations

from pathlib import Path

import click

from iobound.cli.exits import INTERRUPTED, Problem, say
from iobound.cli.sink import answer
from iobound.lab.demo import show


@click.command("demo", short_help="See what it does on your machine, in under a minute.")
@click.argument("folder", required=False)
def command(*, folder: str | None) -> int:
    """Read, hash and write thousands of files in several ways, then ask a flaky server two thousand times.

    The files are those of the standard library, or those below FOLDER. Offline; every answer is checked.
    """
    path = None if folder is None else Path(folder)
    if path is not None and not path.is_dir():
        raise Problem(f"no folder {folder!r}", "leave it out: the standard library has files enough")
    try:
        return show(path, answer)
    except FileNotFoundError as error:
        raise Problem(str(error), "name a folder with files in it") from None
    except KeyboardInterrupt:
        say("interrupted: nothing is left behind")
        return INTERRUPTED

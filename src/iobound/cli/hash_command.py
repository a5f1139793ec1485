"""`iobound hash`: checksums of files and of whole folders."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from iobound.cli.exits import Problem
from iobound.cli.flags import map_flags, options_from
from iobound.cli.items import Items
from iobound.cli.output import as_json
from iobound.cli.overlap import refuse_below, refuse_items
from iobound.cli.run_command import shared_flags
from iobound.cli.serve import Job, serve
from iobound.jobs.hashing import ALGORITHMS, checksum_line, digest, walk

if TYPE_CHECKING:
    from iobound.words.attempt import Outcome


@click.command("hash", short_help="Checksums of files, in the format of sha256sum.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("-a", "--algorithm", type=click.Choice(ALGORITHMS), default="sha256", show_default=True)
@map_flags
@shared_flags
def command(  # noqa: PLR0913 - click hands over every flag
    *,
    paths: tuple[str, ...],
    algorithm: str,
    json_lines: bool,
    output: str | None,
    progress: str,
    quiet: bool,
    **keywords: Any,
) -> int:
    """Hash every file of the PATHs, and of the folders below them.

    Each line is one that `sha256sum -c` accepts. A file or folder that cannot be read fails alone.
    """
    if keywords.pop("setup") is not None:
        raise Problem("hash needs no --setup")
    refuse_items(output, paths)
    refuse_below(output, paths)
    render = as_json if json_lines else _as_line
    options = options_from(keywords)
    fn = partial(digest, algorithm=algorithm)
    return serve(
        Job(
            fn,
            Items(walk(paths)),
            options,
            render,
            output,
            progress,
            quiet,
            names=True,
            preflight=False,
            cautious=False,
        )
    )


def _as_line(outcome: Outcome[Any]) -> bytes:
    return checksum_line(outcome.item, str(outcome.value)) if outcome.ok else b""

"""`iobound run`: a function of the user's, for every item."""

from __future__ import annotations

from dataclasses import fields, replace
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from iobound.api.auto import choose
from iobound.cli.exits import OK, keywords_refused, say
from iobound.cli.flags import map_flags, options_from
from iobound.cli.items import FORMATS, find_items
from iobound.cli.output import renderer
from iobound.cli.overlap import refuse_input, refuse_items
from iobound.cli.remarks import flag
from iobound.cli.serve import Job, serve
from iobound.cli.target import check_takes_item, resolve
from iobound.models.calls import Call, is_async
from iobound.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator


def shared_flags(command: Any) -> Any:
    """Where results go, and what is shown meanwhile."""
    for option in (
        click.option("-q", "--quiet", is_flag=True, help="no summary where all went well"),
        click.option(
            "--progress",
            type=click.Choice(["auto", "bar", "line", "none"]),
            default="auto",
            show_default=True,
            help="auto: a bar on a terminal where no results go, else a line every 30 s",
        ),
        click.option("-o", "--output", metavar="FILE", help="results there, not to stdout"),
        click.option(
            "--json", "json_lines", is_flag=True, help="a JSON line for each item, and one at the end on stderr"
        ),
    ):
        command = option(command)
    return command


@click.command("run", short_help="Call a function of yours for every item.")
@click.argument("target", metavar="MODULE:FUNCTION")
@click.argument("arguments", metavar="[ITEM]...", nargs=-1)
@click.option("-i", "--items", metavar="FILE|-", help="items from a file, or from stdin")
@click.option("--files", metavar="PATTERN", multiple=True, help="file names as items; ** matches folders; repeatable")
@click.option(
    "--format",
    "kind",
    type=click.Choice(FORMATS),
    default="auto",
    show_default=True,
    help="of -i; auto: by its suffix, else lines",
)
@click.option("-n", "--limit", type=click.IntRange(min=1), metavar="N", help="only the first N items")
@click.option("--preflight/--no-preflight", default=True, show_default=True, help="try the first item alone")
@click.option("--dry-run", is_flag=True, help="say what would be done, and do nothing")
@map_flags
@shared_flags
def command(  # noqa: PLR0913 - click hands over every flag
    *,
    target: str,
    arguments: tuple[str, ...],
    items: str | None,
    files: tuple[str, ...],
    kind: str,
    limit: int | None,
    preflight: bool,
    dry_run: bool,
    json_lines: bool,
    output: str | None,
    progress: str,
    quiet: bool,
    **keywords: Any,
) -> int:
    """Call MODULE:FUNCTION for every item, and write what it returns.

    Results go to stdout, everything else to stderr. The first item is tried alone; failures are collected and told
    at the end. Ctrl-C drains, again cancels, a third time leaves.

    Exit codes: 0 all went well; 1 some items failed; 2 wrong input, or the first item or --setup failed; 3 halted by a
    limit, by sys.exit in a call, or because all calls failed alike; 130 and 143 interrupted; 141 nobody reads the
    results; 70 a bug.
    """
    fn, written = resolve(target), {**keywords}
    for name in ("setup", "key", "cost"):
        if ":" in (keywords[name] or ""):
            keywords[name] = resolve(keywords[name])
    given = options_from(keywords)
    check_takes_item(fn, target, 1 if given.setup is None else 2)
    refuse_input(output, items)
    found = find_items(items, kind, files, arguments)
    if items is None:
        refuse_items(output, found.each)
    found = found.first(limit)
    render = renderer(json_lines=json_lines)
    job = Job(fn, found, given, render, output, progress, quiet, names=bool(files), preflight=preflight)
    if dry_run:
        return _tell(target, job, written)
    return serve(job)


def _tell(target: str, job: Job, written: dict[str, Any]) -> int:
    """What would be done, with the flags as they were written."""
    each = iter(job.items.each)
    first = next(each, None)
    with keywords_refused():
        model = choose(job.options.model, Call(job.fn))[0]
    colour = "async" if is_async(job.fn) else "plain"
    count = (
        "no items"
        if first is None
        else "its items"
        if job.items.total is None
        else "1 item"
        if job.items.total == 1
        else f"{job.items.total:,} items"
    )
    say(f"would run {target} ({colour}) on {model.name} for {count}" + (f" (first: {first!r:.80})" if first else ""))
    options = replace(job.options, concurrency=model.concurrency) if job.options.concurrency == "auto" else job.options
    say("with " + " ".join(_flags(options, {**written, "concurrency": options.concurrency})))
    say("nothing was run")
    return OK


def _flags(options: Options, written: dict[str, Any]) -> Iterator[str]:
    """Those that change something."""
    for each in fields(Options):
        value, told = getattr(options, each.name), written.get(each.name)
        if not each.metadata or value == each.default:
            continue
        if isinstance(value, bool):
            yield flag(each.name) if value else f"--no-{each.name}"
        else:
            yield from (
                f"{flag(each.name)} {quote(str(one))}" for one in (told if isinstance(told, tuple) else (told,))
            )

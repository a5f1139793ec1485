"""`iobound advise`: measure a function of the user's, and say how to run it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import click

from iobound.advisor.advise import MOST, NoneSucceeded, advise
from iobound.advisor.sample import SAMPLE, destructive_word, seconds_of
from iobound.cli.exits import INTERRUPTED, OK, SOME_FAILED, Problem, hint_of, keywords_refused, say
from iobound.cli.items import FORMATS, find_items
from iobound.cli.output import VERSION, dumped
from iobound.cli.overlap import refuse_input
from iobound.cli.remarks import remarks
from iobound.cli.sink import answer, prints_aside
from iobound.cli.target import check_takes_item, resolve

if TYPE_CHECKING:
    from iobound.advisor.advice import Advice


@click.command("advise", short_help="Measure a function of yours: which model, how many at a time.")
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
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=SAMPLE,
    show_default=True,
    metavar="N",
    help="items drawn at random, each of which is called many times",
)
@click.option("--budget", default="60s", show_default=True, metavar="TIME", help="how long it may take: 30s, 2m")
@click.option(
    "--max",
    type=click.IntRange(min=1),
    default=MOST,
    show_default=True,
    metavar="N",
    help="the largest concurrency that is tried",
)
@click.option(
    "--setup",
    metavar="MODULE:NAME",
    help="gives a context manager, entered once per worker; its value is the last argument",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="of the sample and the order of trials"
)
@click.option("--yes", is_flag=True, help="measure it even if its name says that it changes something")
@click.option("--require-clear", is_flag=True, help="exit with 1 unless the verdict is clear")
@click.option("--json", "json_lines", is_flag=True, help="one JSON object, with every trial")
@click.option("--report", metavar="FILE", help="write it as a page of HTML, too")
@click.option("-q", "--quiet", is_flag=True, help="do not say what is being done")
def command(  # noqa: PLR0913 - click hands over every flag
    *,
    target: str,
    arguments: tuple[str, ...],
    items: str | None,
    files: tuple[str, ...],
    kind: str,
    json_lines: bool,
    require_clear: bool,
    report: str | None,
    quiet: bool,
    setup: str | None,
    yes: bool,
    budget: str,
    **keywords: Any,
) -> int:
    """Call MODULE:FUNCTION for a sample of the items under every model that can run it, and recommend one.

    Each item of the sample is called many times: how often is said first. Figures and reasons go to stdout, and what
    the function prints to stderr.

    Exit codes: 0 measured, whatever the verdict; 1 not clear, with --require-clear; 2 wrong input, a name that looks
    destructive without --yes, or no call succeeded; 130 interrupted; 141 nobody reads the figures; 70 a bug.
    """
    with prints_aside():
        fn, seconds = resolve(target), _seconds(budget)
        check_takes_item(fn, target, 1 if setup is None else 2)
        refuse_input(report, items)
        found = find_items(items, kind, files, arguments)
        if report is not None:
            _check_place(report)
        if (word := destructive_word(fn)) and not yes:
            told = f"{target} looks as if it changes something ({word!r}), and would be called many times for each item"
            raise Problem(told, "--yes measures it all the same")
        with remarks(quiet=quiet, bar=False):
            advice = _measured(
                fn,
                found.each,
                setup=None if setup is None else resolve(setup),
                budget=seconds,
                say=(lambda _line: None) if quiet else say,
                **keywords,
            )
    advice = replace(advice, name=target, use=_line(advice, target, items, files, setup))
    if report is not None:
        _save(advice, report)
    answer(dumped({"v": VERSION, "type": "advice", **advice.to_dict()}) if json_lines else str(advice))
    return SOME_FAILED if require_clear and advice.verdict != "clear" else OK


def _seconds(budget: str) -> float:
    """The budget, or what is wrong with it in the words of the command line."""
    try:
        return seconds_of(budget)
    except ValueError as error:
        raise Problem(f"--budget {budget} is not valid", hint_of(error)) from None


def _measured(fn: Any, items: Any, **keywords: Any) -> Advice:
    """The advice; what the function does in the place of an answer is told as the user's."""
    try:
        with keywords_refused():
            return advise(fn, items, yes=True, **keywords)
    except NoneSucceeded as error:
        raise Problem(str(error), hint_of(error)) from None
    except KeyboardInterrupt:
        raise Problem("interrupted: nothing is recommended", code=INTERRUPTED) from None
    except SystemExit as leaving:
        raise Problem(f"the function called sys.exit({leaving.code!r})", "return, or raise an exception") from None


def _line(advice: Advice, target: str, items: str | None, files: tuple[str, ...], setup: str | None) -> str:
    """The command to use."""
    source = ["-i", items] if items else [part for each in files for part in ("--files", each)] or ["ITEM..."]
    number = [] if advice.model == "serial" else ["-c", str(advice.concurrency)]
    more = [] if setup is None else ["--setup", setup]
    return " ".join(["iobound run", *map(quote, [target, *source, "--model", advice.model, *number, *more])])


def _check_place(file: str) -> None:
    """Refuse a page that could not be written, before a minute is spent on it."""
    folder = Path(file).parent
    if not folder.is_dir():
        raise Problem(f"cannot write {file!r}: no folder {str(folder)!r}")


def _save(advice: Advice, file: str) -> None:
    try:
        advice.save(file)
    except OSError as error:
        raise Problem(f"cannot write {file!r}: {error.strerror}") from None

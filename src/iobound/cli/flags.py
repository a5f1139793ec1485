"""The flags that are keywords of `iobound.map`: name, meaning and checks come from `Options`."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from iobound.cli.exits import keywords_refused
from iobound.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT = {"concurrency": "-c"}
REPEATED = ("rate", "key_rate")
"""Each adds one; of any other flag the last counts."""
GRACE = 10.0
"""Seconds that running calls have after Ctrl-C: a person waits longer for results than a program does."""
UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def map_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add a flag for every keyword that is one."""
    for field in reversed(fields(Options)):
        if field.metadata:
            command = _option(field.name, field.default, **field.metadata)(command)
    return command


def _option(name: str, default: Any, takes: str, about: str) -> Callable[..., Any]:
    long = "--" + name.replace("_", "-")
    if isinstance(default, bool):
        return click.option(f"{long}/--no-{long[2:]}", name, default=default, show_default=True, help=about)
    default = GRACE if name == "grace" else default
    names = [long, SHORT[name]] if name in SHORT else [long]
    shown = default is not None
    kind = click.UNPROCESSED  # `Options` checks them all, and says the same to everybody
    several = name in REPEATED
    return click.option(
        *names, name, default=default, type=kind, metavar=takes, show_default=shown, help=about, multiple=several
    )


def options_from(given: dict[str, Any], **more: Any) -> Options:
    """The options that the flags ask for, checked by the rules of the keywords."""
    keywords = {name: _value(name, text) for name, text in given.items() if text not in (None, ())}
    with keywords_refused():
        return Options(errors="collect", **keywords, **more)


def _value(name: str, text: Any) -> Any:
    """What a person writes, as the keyword takes it: numbers, and seconds with a unit."""
    if isinstance(text, tuple):
        told = [each for one in text for each in re.split(r"(?<=[A-Za-z]),", one)]  # 1,000/h is one
        return told[0] if len(told) == 1 else told
    if not isinstance(text, str):
        return text
    if name in ("task_timeout", "timeout", "grace"):
        found = re.fullmatch(r"([0-9.]+)(ms|s|m|h)", text)
        if found:
            text, factor = found[1], UNITS[found[2]]
            return _number(text) * factor if isinstance(_number(text), int | float) else text
    return _number(text)


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text

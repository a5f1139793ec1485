"""What is written for an outcome: its value for people and pipes, or a JSON line for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from iobound.report.failures import message_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from iobound.words.attempt import Outcome

VERSION = 1
"""Of the lines that `--json` writes; raised when a field changes its meaning."""


class Unwritable(Exception):  # noqa: N818 - it is told as one
    """A result that has no form as a line: its item has failed."""


def as_value(outcome: Outcome[Any]) -> bytes:
    """What a call returned, for people and pipes: text as it is, bytes as they are, anything else as JSON."""
    value = outcome.value
    if not outcome.ok or value is None:
        return b""
    if isinstance(value, bytes):
        return value if value.endswith(b"\n") else value + b"\n"
    text = value if isinstance(value, str) else dumped(value, default=str, ensure_ascii=False)
    return (text + "\n").encode(errors="surrogateescape")


def as_json(outcome: Outcome[Any]) -> bytes:
    """A line for programs: what became of one item."""
    told: dict[str, Any] = {"v": VERSION, "i": outcome.index, "item": outcome.item}
    if outcome.ok:
        told |= {"status": "ok", "value": outcome.value}
    else:
        error = outcome.error
        told |= {"status": "failed", "error": {"type": type(error).__name__, "message": message_of(error)}}
    told |= {"attempts": outcome.attempts, "queue_s": round(outcome.waited, 6), "run_s": round(outcome.duration, 6)}
    return (dumped(told, default=_plain) + "\n").encode()


def rendered(outcome: Outcome[Any], render: Callable[[Outcome[Any]], bytes]) -> tuple[Outcome[Any], bytes]:
    """The line, and the outcome that it tells: a result that cannot be written is its item's failure."""
    try:
        return outcome, render(outcome)
    except Exception as error:  # noqa: BLE001 - values are the user's classes
        why = f"a result of type {type(outcome.value).__name__} cannot be written: {message_of(error)}"
        if not outcome.ok:  # the call has made its item such that it cannot be written
            outcome = replace(outcome, item=text_of(outcome.item))
        else:
            outcome = replace(outcome, value=None, error=Unwritable(why))
        return rendered(outcome, render)


def dumped(value: Any, **how: Any) -> str:
    """The value as JSON, which knows neither NaN nor infinity: null stands for them, as browsers write it."""
    text = json.dumps(value, **how)
    return json.dumps(_finite(value), **how) if "NaN" in text or "Infinity" in text else text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _plain(value: Any) -> Any:
    """What JSON has no form for."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def renderer(*, json_lines: bool) -> Callable[[Outcome[Any]], bytes]:
    """How outcomes are written."""
    return as_json if json_lines else as_value

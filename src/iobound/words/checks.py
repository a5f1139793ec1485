"""Checks of what users pass: one clear line and a hint for what cannot be."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import TYPE_CHECKING

from iobound.words.errors import hinted

if TYPE_CHECKING:
    from typing import NoReturn

MOST = 1 << 31
"""No count is larger."""
LONGEST = 1e9
"""No time in seconds is longer, but for ever: thirty years."""


def refuse(name: str, value: object, wanted: str) -> NoReturn:
    """Say that `value` is not what `name` takes."""
    kind = ValueError if isinstance(value, str | int | float) else TypeError
    raise hinted(kind(f"{name}={value!r} is not valid"), f"{name} takes {wanted}")


def is_number(value: object) -> bool:
    """Whether it is an integer or a float, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_number(name: str, value: object, wanted: str, least: float = 0, most: float = LONGEST) -> None:
    """Refuse what is no number from `least` to `most`, or not a number at all."""
    if not is_number(value) or not least <= value <= most:  # type: ignore[operator]
        refuse(name, value, wanted)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Refuse what is none of `choices`, naming the nearest."""
    if value not in choices:
        near = get_close_matches(str(value), choices, 1)
        refuse(name, value, f"one of {', '.join(choices)}" + (f"; did you mean {near[0]!r}?" if near else ""))


def check_count(
    name: str, value: object, wanted: str = "an integer of at least 1", least: int = 1, most: int = MOST
) -> None:
    """Refuse what is no integer from `least` to `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        refuse(name, value, wanted)


def check_seconds(name: str, value: float | None) -> None:
    """Refuse what is no time of more than 0 seconds; None means "not limited"."""
    if value is not None and (not is_number(value) or not value > 0 or LONGEST < value < float("inf")):
        refuse(name, value, "seconds, more than 0")


def check_plain(name: str, fn: object) -> None:
    """Refuse an async function where what it gives is needed at once; anything else passes."""
    if callable(fn) and any(inspect.iscoroutinefunction(each) for each in (fn, type(fn).__call__)):
        error = TypeError(f"{name}= is an async function, and what it gives is needed at once")
        raise hinted(error, f"{name} takes a plain function: what must be awaited is awaited before")

"""What the user's sources are, and how their iteration begins and ends."""

from __future__ import annotations

from collections import deque
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from iobound.words.errors import hinted, surfaced

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLES: tuple[Any, ...] = ([], (), range(0), range(1 << 100), {}, set(), frozenset(), "", "\u2603", b"", deque())
_VIEWS: tuple[Any, ...] = ({}.keys(), {}.values(), {}.items())
IN_PLACE = frozenset(kind for each in (*_SAMPLES, *_VIEWS) for kind in (type(each), type(iter(each))))
"""Types whose iteration neither blocks nor runs anybody's code."""


def start_iterating(source: Any) -> Iterator[Any]:
    """An iterator of the source. Only its `next` may end it by `StopIteration`, not its `__iter__`."""
    try:
        return iter(source.outcomes() if is_run(source) else source)
    except StopIteration as error:
        raise surfaced(error) from error


def close_items(items: Any, left: float) -> None:
    """Close what iterating the source made: a generator or an earlier stage, never another object of the user's."""
    if isinstance(items, GeneratorType):
        items.close()
    elif is_run(items):
        items.close_within(left)


def is_run(source: object) -> bool:
    """Whether the source is an earlier stage. Asked this way because no model knows the public `Run`."""
    return hasattr(source, "outcomes") and hasattr(source, "cancel")


def with_thread_hint(error: BaseException) -> BaseException:
    """A source that is bound to a thread says so in its error; say what to do about it."""
    if "thread" in str(error).lower():
        hinted(error, "feed='consumer' pulls the source in the thread that consumes the run")
    return error

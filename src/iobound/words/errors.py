"""The errors and warnings that iobound itself raises. Each says in one line what is wrong; hints are notes."""

from __future__ import annotations

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class HungCalls(RuntimeError):  # noqa: N818 - the public name says what happened
    """More calls hang than `max_abandoned` allows, and no slot is left to go on with."""


class TooManyErrors(RuntimeError):  # noqa: N818
    """More items failed than `max_errors` allows; raised after everything ready was delivered."""


class ItemCancelled(RuntimeError):  # noqa: N818
    """A call raised `CancelledError` although nobody had asked it to stop: that item failed.

    A `RuntimeError`, not a `CancelledError`, so that it cannot be mistaken for a cancellation of the caller.
    """


class BlockingLoopWarning(RuntimeWarning):
    """An event loop is being blocked, by a call inside it or by iterating a run without `async for`."""


def hinted(error: E, hint: str) -> E:
    """`error` with one line of advice, shown below its message."""
    error.add_note(f"hint: {hint}")
    return error

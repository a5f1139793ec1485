"""The errors and warnings that iobound itself raises. Each says in one line what is wrong; hints are notes."""

from __future__ import annotations

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class HungCalls(RuntimeError):  # noqa: N818 - the public name says what happened
    """So many calls hang that no place is left to go on with.

    A run ends with it when more hang than `max_abandoned` allows. The function that `to_async(fn, timeout=...)` gave
    raises it while its threads, and those that stood in for them, all hang.
    """


class TooManyErrors(RuntimeError):  # noqa: N818
    """More items failed than `max_errors` allows; raised after what is done was delivered, from the last failure."""


class ItemCancelled(RuntimeError):  # noqa: N818
    """A call raised `CancelledError` although nobody had asked it to stop: that item failed.

    A `RuntimeError`, not a `CancelledError`, so that it cannot be mistaken for a cancellation of the caller.
    """


class Overloaded(RuntimeError):  # noqa: N818
    """There is no room to wait, and whoever asks should not: shed the load, or ask again later.

    Raised by `Executor.submit` inside an event loop, which must not be blocked; by the function that `to_async` gave
    while `threads` calls run and `queue` wait; and on the way into a `Limiter` for which `queue` wait already.

    Example:
        >>> import asyncio, threading, iobound
        >>> async def main(pool, gate):
        ...     pool.submit(gate.wait)
        ...     try:
        ...         pool.submit(print)
        ...     except iobound.Overloaded:
        ...         return "full"
        ...     finally:
        ...         gate.set()
        >>> with iobound.Executor(max_workers=1, queue=0) as pool:
        ...     asyncio.run(main(pool, threading.Event()))
        'full'
    """


class BlockingLoopWarning(RuntimeWarning):
    """An event loop is being blocked, by a call that a run makes on it or by iterating a run without `async for`."""


class WrongUse(RuntimeError):  # noqa: N818
    """A run was consumed in a second way, or by two coroutines at once. The run itself goes on."""


def surfaced(error: BaseException) -> BaseException:
    """The error as it may be raised from an iterator.

    Exceptions that steer generators would steer the consumer's loop, and a failed run would look complete.
    """
    if not isinstance(error, StopIteration | StopAsyncIteration | GeneratorExit):
        return error
    told = RuntimeError(f"{type(error).__name__} was raised where it has no meaning")
    told.__cause__ = error
    return told


def cut_short() -> RuntimeError:
    """What a run that was stopped says to whoever asks for more: it never looks complete."""
    return hinted(RuntimeError("this run was stopped before its end"), "iobound.map() makes another one")


def logged(error: BaseException, message: str, *facts: object) -> None:
    """Log an error that nobody is there to be told of."""
    import logging  # noqa: PLC0415 - only what goes wrong pays for it

    logging.getLogger("iobound").error(message, *facts, exc_info=error)


def said(message: str, hint: str) -> None:
    """Warn through the log, once in the life of the process; `hint` tells warnings apart, for it holds no numbers."""
    if hint in _said:
        return
    _said.add(hint)
    import logging  # noqa: PLC0415 - as above

    logging.getLogger("iobound").warning("%s\nhint: %s", message, hint)


_said: set[str] = set()


def hinted(error: E, hint: str) -> E:
    """`error` with one line of advice, shown below its message."""
    return noted(error, f"hint: {hint}")


def noted(error: E, note: str) -> E:
    """`error` with one more line below its message."""
    error.add_note(note)
    return error

"""What to call for an item, and of which colour it is."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from iobound.words.errors import ItemCancelled, hinted, surfaced

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from contextlib import AbstractContextManager

CO_COROUTINE = 0x80  # inspect.CO_COROUTINE; the module itself takes longer to import than all of iobound
WRAPPERS = 100
"""A chain of wrappers longer than this is a cycle."""


def is_async(fn: Callable[..., Any]) -> bool:
    """Whether calling `fn` gives a coroutine: seen through partials, `__call__`, wrappers and marks."""
    for _ in range(WRAPPERS):
        if _is_native(fn) or _is_marked(fn):
            return True
        inner = fn.func if isinstance(fn, partial) else getattr(fn, "__wrapped__", None)
        if inner is None:
            return _is_native(getattr(type(fn), "__call__", None))  # noqa: B004 - its colour is asked, not whether it is there
        fn = inner
    return False


def _is_native(fn: object) -> bool:
    code = getattr(getattr(fn, "__func__", fn), "__code__", None)
    return code is not None and bool(code.co_flags & CO_COROUTINE)


def _is_marked(fn: object) -> bool:
    """Marked by `inspect.markcoroutinefunction` (3.12), or by the flag that asyncio looked for before."""
    marked = getattr(fn, "__func__", fn)
    return any(getattr(marked, flag, None) is not None for flag in ("_is_coroutine_marker", "_is_coroutine"))


def name_of(fn: Callable[..., Any]) -> str:
    """A name for people: the function's own, that of what it wraps, or that of its class."""
    fn = fn.func if isinstance(fn, partial) else fn
    return str(getattr(fn, "__qualname__", None) or type(fn).__qualname__)


@dataclass(frozen=True, slots=True)
class Call:
    """The user's function and how it takes an item."""

    fn: Callable[..., Any]
    star: bool = False
    """Unpack each item into positional arguments."""
    setup: Callable[[], Any] | None = None
    """Gives the context manager whose value becomes one more argument."""
    mixed: bool = False
    """It may give a coroutine or a plain value, as it likes: nobody named a model for it, or it was seen to."""
    knowingly: bool = False
    """Whoever consumes the run inside a running loop has said that this blocks it."""

    @property
    def name(self) -> str:
        """What the function is called in messages and in `Outcome.stage`."""
        return name_of(self.fn)

    def bind(self, *resource: Any) -> Callable[[Any], Any]:
        """The function of one item, with what `setup` gave bound to it."""
        fn = self.fn
        if self.star:
            return lambda item: fn(*item, *resource)
        return (lambda item: fn(item, *resource)) if resource else fn

    def bind_async(self, *resource: Any) -> Callable[[Any], Coroutine[Any, Any, Any]]:
        """The same as a function that always gives a coroutine."""
        bound = self.bind(*resource)
        if _is_native(self.fn):
            return bound

        async def awaited(item: Any) -> Any:
            result = bound(item)
            if hasattr(type(result), "__await__"):
                return await result
            if self.mixed or is_async(self.fn):
                return result
            error = TypeError(f"{self.name}() returned {type(result).__name__}, which cannot be awaited")
            raise hinted(error, "a plain function runs on model='threads' or 'serial'")

        return awaited


def failure_of(error: BaseException) -> BaseException:
    """What an item that raised `error` has failed with; our own frame is cut from the traceback.

    Exceptions that steer generators and tasks would steer ours: they surface as another error, from the original.
    """
    with suppress(Exception):  # the user's exceptions are the user's classes: even this may fail
        error.__traceback__ = error.__traceback__.tb_next if error.__traceback__ is not None else None
    if not _is_cancellation(error):
        return surfaced(error)
    told = ItemCancelled("the call was cancelled, though not by iobound")
    told.__cause__ = error
    return told


def _is_cancellation(error: BaseException) -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and isinstance(error, asyncio.CancelledError)


@contextmanager
def entered(call: Call, leaving: Callable[[Exception], object]) -> Iterator[tuple[Any, ...]]:
    """Inside the context manager that `setup` gives: what it gave, or nothing without `setup`.

    An error of leaving it goes to `leaving`: it is nobody's result, and hurts none.
    """
    stack = ExitStack()
    resource = () if call.setup is None else (stack.enter_context(sync_manager(call.setup())),)
    try:
        yield resource
    finally:
        try:
            stack.close()
        except Exception as error:  # noqa: BLE001 - the user's
            leaving(error)


@asynccontextmanager
async def entered_async(call: Call, leaving: Callable[[Exception], object]) -> AsyncIterator[tuple[Any, ...]]:
    """The same on a loop, where the manager may be async."""
    stack = AsyncExitStack()
    resource = () if call.setup is None else (await _enter_any(stack, call.setup()),)
    try:
        yield resource
    finally:
        try:
            await stack.aclose()
        except Exception as error:  # noqa: BLE001 - the user's
            leaving(error)


async def _enter_any(stack: AsyncExitStack, manager: Any) -> Any:
    if hasattr(type(manager), "__aenter__"):
        return await stack.enter_async_context(manager)
    return stack.enter_context(sync_manager(manager))


def sync_manager(manager: object) -> AbstractContextManager[Any]:
    """The object, if it is a context manager that a plain `with` can enter."""
    if hasattr(type(manager), "__enter__"):
        return cast("AbstractContextManager[Any]", manager)
    error = TypeError(f"setup= gave {type(manager).__name__}, which is no context manager")
    if hasattr(type(manager), "__aenter__"):
        raise hinted(error, "an async one needs an async function, on model='asyncio'")
    raise hinted(error, "wrap it with contextlib.closing or contextlib.nullcontext")


def refuse_coroutine(coroutine: Coroutine[Any, Any, Any], name: str) -> TypeError:
    """The failure of an item whose plain function returned a coroutine under a model for plain functions."""
    coroutine.close()
    error = TypeError(f"{name}() returned a coroutine, which nothing here would await")
    return hinted(error, "leave out model=, or use model='asyncio'")

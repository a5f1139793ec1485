"""Functions that pass a limiter before each call."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any, TypeVar

from iobound.models.calls import is_async, name_of
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from iobound.api.limiter import Permit

F = TypeVar("F", bound=Callable[..., Any])


def limited(fn: F, passage: Callable[[tuple[Any, ...]], Permit]) -> F:
    """`fn`, with a passage of its own for the arguments of each call."""
    check_decorable(fn)
    if is_async(fn):

        @wraps(fn)
        async def limited_async(*args: Any, **kwargs: Any) -> Any:
            async with passage((*args, *kwargs.values())):
                return await fn(*args, **kwargs)

        return limited_async  # type: ignore[return-value]

    @wraps(fn)
    def limited_plain(*args: Any, **kwargs: Any) -> Any:
        with passage((*args, *kwargs.values())):
            return fn(*args, **kwargs)

    return limited_plain  # type: ignore[return-value]


def check_decorable(fn: Any) -> None:
    """Refuse what a limiter cannot decorate.

    Raises:
        TypeError: it cannot be called, or what it is called for happens after the call.
    """
    if isinstance(fn, classmethod | staticmethod):
        error = TypeError(f"a {type(fn).__name__} is not a function yet when a limiter decorates it")
        raise hinted(error, f"put @{type(fn).__name__} above the limiter")
    if not callable(fn):
        hint = "limiter(cost=...) and limiter(key=...) are named; @limiter decorates a function"
        raise hinted(TypeError(f"a limiter cannot decorate {fn!r}"), hint)
    if isgeneratorfunction(fn) or isasyncgenfunction(fn):
        error = TypeError(f"{name_of(fn)}() is a generator function: calling it does nothing that could be limited")
        raise hinted(error, "decorate the function that makes the request, or use `with limiter():` inside")

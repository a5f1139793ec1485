"""`map` and `starmap`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from iobound.api.begin import check
from iobound.api.run import Run
from iobound.models.calls import Call
from iobound.options import Keywords, Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from iobound.words.attempt import Outcome

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")


@overload
def map(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    errors: Literal["collect"],
    **keywords: Unpack[Keywords],
) -> Run[Outcome[R]]: ...
@overload
def map(
    fn: Callable[[T], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    errors: Literal["collect"],
    **keywords: Unpack[Keywords],
) -> Run[Outcome[R]]: ...
@overload
def map(
    fn: Callable[[T], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    errors: Literal["raise", "skip"] = "raise",
    **keywords: Unpack[Keywords],
) -> Run[R]: ...
@overload
def map(
    fn: Callable[[T], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    errors: Literal["raise", "skip"] = "raise",
    **keywords: Unpack[Keywords],
) -> Run[R]: ...
@overload
def map(
    fn: Callable[[T, S], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    setup: Callable[[], AbstractAsyncContextManager[S] | AbstractContextManager[S]],
    errors: Literal["collect"],
    **keywords: Unpack[Keywords],
) -> Run[Outcome[R]]: ...
@overload
def map(
    fn: Callable[[T, S], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    setup: Callable[[], AbstractContextManager[S]],
    errors: Literal["collect"],
    **keywords: Unpack[Keywords],
) -> Run[Outcome[R]]: ...
@overload
def map(
    fn: Callable[[T, S], Coroutine[Any, Any, R]],
    items: Iterable[T] | AsyncIterable[T],
    *,
    setup: Callable[[], AbstractAsyncContextManager[S] | AbstractContextManager[S]],
    errors: Literal["raise", "skip"] = "raise",
    **keywords: Unpack[Keywords],
) -> Run[R]: ...
@overload
def map(
    fn: Callable[[T, S], R],
    items: Iterable[T] | AsyncIterable[T],
    *,
    setup: Callable[[], AbstractContextManager[S]],
    errors: Literal["raise", "skip"] = "raise",
    **keywords: Unpack[Keywords],
) -> Run[R]: ...
def map(fn: Callable[..., Any], items: Any, **keywords: Any) -> Run[Any]:  # noqa: D417 - named one by one
    """Call `fn` for every item, many at once but never more than is good, and give the results as a stream.

    `fn` may be plain or `async`; so may the caller and the source, in every combination. The source is pulled
    lazily, results are delivered as they are consumed, and everything in between is bounded.

    Args:
        fn: called with one item (and with the value of `setup`, if that is given).
        items: an iterable, an async iterable, or another run: stages compose.
        model: `"auto"`, `"serial"`, `"threads"`, `"asyncio"`, a set of names to choose from, or a model object.
            `"auto"`: async functions on asyncio, plain ones on threads, or by the consumer where it does best.
        concurrency: the most calls in flight; `"auto"`: an `AdaptiveLimit`, which finds it by measuring.
        buffersize: the most items pulled and not yet delivered, those in flight included. Default: as completed
            2 x concurrency, ordered max(8 x concurrency, 256).
        ordered: results in input order, or as they complete.
        feed: `"auto"`: built-in containers are pulled in place, other iterables by a thread of the run;
            `"consumer"`: the source is pulled in the consuming thread, for cursors bound to it.
        setup: gives a context manager, entered once per worker thread or loop; its value is `fn`'s last argument.
        errors: `"raise"`: the first failure in time ends the run; `"collect"`: the run yields an `Outcome` per
            item; `"skip"`: only the values of those that succeeded.
        max_errors: more failures end the run by `TooManyErrors`, after what is done; `"3%"`: from 100 outcomes on.
        task_timeout: seconds for one attempt; it fails with `TimeoutError`. Not with `"serial"`.
        timeout: seconds for the whole run; then `TimeoutError`, after what is done (under `"raise"`, up to a gap).
        grace: seconds that closing waits for calls which are running.
        max_abandoned: hung calls left behind before the run fails with `HungCalls`. Default: `concurrency`.
        rate: `"100/s"`, a `Rate`, a `Limiter`, or a list of them: the most calls per time, in all.
        cost: units of the rate that an item takes, as a number or a function of the item.
        key: what items are limited by, each apart: `"host"` for URLs, or a function of the item.
        key_concurrency: the most calls in flight per key.
        key_rate: the most calls per time and key, as `"2/s"`, a `Rate`, or a list of them.
        lookahead: with `key`, in the place of `buffersize`: the most items pulled and not yet delivered.
        retry: how often a failed call is repeated: a number, or a `Retry`.
        memory: the most that this process may take: `"2GB"`, bytes, or a share such as `"50%"`.
        progress: True shows a bar on a terminal, HTML in a notebook, a line every 30 s elsewhere; a callable is
            called with the statistics ten times a second, in a thread of its own.
        hooks: observers with any of the methods `started settled delivered limit_changed source_ended stopped`.

    Returns:
        A `Run`: iterate it, `async for` it, `await` it for a list, or use it in `with` / `async with`.

    Raises:
        TypeError, ValueError: an argument is not valid; at once, and with a hint.

    Example:
        >>> import iobound
        >>> list(iobound.map(len, ["one", "three"]))
        [3, 5]
    """
    options = Options.of(keywords)
    return prepare(Call(fn, setup=options.setup), items, options)


@overload
def starmap(
    fn: Callable[..., Coroutine[Any, Any, R]],
    items: Iterable[Iterable[Any]] | AsyncIterable[Iterable[Any]],
    *,
    errors: Literal["collect"],
    setup: Callable[[], Any] | None = None,
    **keywords: Unpack[Keywords],
) -> Run[Outcome[R]]: ...
@overload
def starmap(
    fn: Callable[..., R],
    items: Iterable[Iterable[Any]] | AsyncIterable[Iterable[Any]],
    *,
    errors: Literal["collect"],
    setup: Callable[[], Any] | None = None,
    **keywords: Unpack[Keywords],
) -> Run[Outcome[R]]: ...
@overload
def starmap(
    fn: Callable[..., Coroutine[Any, Any, R]],
    items: Iterable[Iterable[Any]] | AsyncIterable[Iterable[Any]],
    *,
    errors: Literal["raise", "skip"] = "raise",
    setup: Callable[[], Any] | None = None,
    **keywords: Unpack[Keywords],
) -> Run[R]: ...
@overload
def starmap(
    fn: Callable[..., R],
    items: Iterable[Iterable[Any]] | AsyncIterable[Iterable[Any]],
    *,
    errors: Literal["raise", "skip"] = "raise",
    setup: Callable[[], Any] | None = None,
    **keywords: Unpack[Keywords],
) -> Run[R]: ...
def starmap(fn: Callable[..., Any], items: Any, **keywords: Any) -> Run[Any]:
    """Like `map`, with each item unpacked into positional arguments.

    Args:
        fn: called as `fn(*item)`, or `fn(*item, resource)` with `setup`.
        items: gives tuples, or other iterables of arguments.
        **keywords: as for `map`.

    Returns:
        A `Run`, as `map` does.

    Example:
        >>> import iobound
        >>> list(iobound.starmap(pow, [(2, 5), (3, 2)]))
        [32, 9]
    """
    options = Options.of(keywords)
    return prepare(Call(fn, star=True, setup=options.setup), items, options)


def prepare(call: Call, items: Any, options: Options) -> Run[Any]:
    """A run of options that were checked before; what could only fail later is refused here."""
    check(call, items, options)
    return Run(call, items, options)

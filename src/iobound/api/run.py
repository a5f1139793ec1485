"""`Run`: one use of a function on many items, as the consumer sees it."""

from __future__ import annotations

from _thread import get_ident
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from iobound.api.begin import begin, stats_of, warn_if_blocking
from iobound.api.ending import Ending, running_loop
from iobound.core.statistics import BRIEF
from iobound.words.attempt import Outcome
from iobound.words.errors import WrongUse, cut_short, surfaced
from iobound.words.stats import Stats

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from iobound.models.calls import Call
    from iobound.models.driver import Driver
    from iobound.options import Options
    from iobound.words.attempt import Attempt

T = TypeVar("T")
R = TypeVar("R")
SKIPPED: Any = object()
USED_UP = "this run has been used: each gives its results once, make another with iobound.map()"


class Run(Ending, Generic[T]):
    """The results of `iobound.map`: an iterator, an async iterator, a context manager of both kinds, awaitable.

    Single use: it is consumed in one way, from one thread. Nothing starts before it is used. A run that is
    dropped unfinished stops; `with` or `async with` stops it at a known point, and waits until it has.

    Example:
        >>> import iobound
        >>> run = iobound.map(str.upper, "abc")
        >>> next(run), list(run), run.stats.succeeded
        ('A', ['B', 'C'], 3)
    """

    def __init__(self, call: Call, source: Any, options: Options) -> None:
        self._call = call
        self._source = source
        super().__init__(options)
        self._errors = options.errors
        self._plain = False
        self._taken = 0
        self._batch = self._step = 1

    def __repr__(self) -> str:
        """How far it is, at a glance: no lock is taken, nothing starts, and the source is not asked."""
        driver = self._driver
        if driver is None:
            return f"<iobound.Run {self.name}: {'closed' if self._over else 'not started'}>"
        core, over = driver.core, ", over" * self._over
        succeeded = sum(tally.succeeded for tally in list(core.tallies))
        told = f"{succeeded} succeeded, {core.failed} failed, {core.delivery.pulled} pulled"
        return f"<iobound.Run {self.name}: {told}{over}>"

    @property
    def name(self) -> str:
        """The name of the function, which `Outcome.stage` carries if it fails in an earlier stage."""
        return self._call.name

    @property
    def stats(self) -> Stats:
        """A snapshot of what the run has done so far; at any time, from any thread."""
        driver = self._driver
        return Stats() if driver is None else stats_of(driver)

    @property
    def skips(self) -> bool:
        """Whether failures are dropped here, and so never reach a later stage."""
        return self._options.errors == "skip"

    @overload
    def outcomes(self: Run[Outcome[R]]) -> Run[Outcome[R]]: ...
    @overload
    def outcomes(self) -> Run[Outcome[T]]: ...
    def outcomes(self) -> Run[Any]:
        """This run, yielding an `Outcome` for every item and raising for none. Before its first use.

        Raises:
            RuntimeError: the run is already being consumed.

        Example:
            >>> import iobound
            >>> [outcome.ok for outcome in iobound.map(int, ["1", "x"]).outcomes()]
            [True, False]
        """
        if self._driver is not None:
            raise WrongUse("this run is being consumed, or was: outcomes() comes before its first use")
        self._errors = "collect"
        return self

    # Plain code ---------------------------------------------------------------------------------------------

    def __iter__(self) -> Self:
        """The run itself; a run that is used up is refused, since it would look empty."""
        if self._over:
            raise cut_short() if self._driver is None else WrongUse(USED_UP)
        return self

    def __next__(self) -> T:
        """The next result; blocks until there is one."""
        driver = self._driver
        if driver is None or self._owner != get_ident() or self._loop is not None:
            driver = self._claim(None)
        try:
            while True:
                ready = driver.core.delivery.ready
                if ready and ready[0].done:
                    attempt = ready.popleft()
                    self._taken += 1
                    if self._taken >= self._step:
                        self._give_back(driver, attempt)
                    if self._plain and attempt.error is None:
                        value: T = attempt.value
                        return value
                    result = self._told(driver, attempt)
                    if result is not SKIPPED:
                        return result
                else:
                    taken, self._taken = self._taken, 0
                    if not driver.wait(taken):
                        break
        except BaseException as error:  # Ctrl-C, most likely: it may have hit between any two instructions
            self._abort(driver, error)
            raise
        self._end(driver, None, driver.core.error)
        raise self._last_word(driver, StopIteration())

    def __enter__(self) -> Self:
        """Stop the run at the end of the `with` block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Stop the run, and wait until it has."""
        if self._driver is None or self._over:
            self._over = True
        else:
            self._end(self._driver, cut_short(), error)

    def close(self) -> None:
        """Stop now. Waits at most `grace` seconds for calls that run; those left then are abandoned.

        Called from plain code on a run that is consumed on a loop, it can only tell the run to stop;
        `aclose()` waits.
        """
        self.__exit__(None, None, None)

    def cancel(self) -> None:
        """Tell the run to stop, from any thread or signal handler, without waiting.

        Its consumer still gets the results that are ready, and then, half a second later at most, a `RuntimeError`.
        """
        self._over = self._over or self._driver is None
        if self._driver is not None:
            self._driver.drop()

    def drain(self) -> None:
        """Start nothing more, from any thread or signal handler, without waiting.

        Calls that run have `grace` seconds. The consumer gets their results, and then a `RuntimeError`.
        """
        self._over = self._over or self._driver is None
        if self._driver is not None:
            self._driver.drain()

    # Async code ---------------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        """The run itself, refused as by `iter`."""
        return self.__iter__()

    async def __anext__(self) -> T:
        """The next result; the loop goes on meanwhile."""
        driver = self._driver
        if driver is None or self._loop is None or self._owner != get_ident():
            driver = self._claim(running_loop())
        try:
            while True:
                ready = driver.core.delivery.ready
                if ready and ready[0].done:
                    attempt = ready.popleft()
                    self._taken += 1
                    if self._taken >= self._step:
                        self._give_back(driver, attempt)
                    if self._plain and attempt.error is None:
                        value: T = attempt.value
                        return value
                    result = self._told(driver, attempt)
                    if result is not SKIPPED:
                        return result
                else:
                    taken, self._taken = self._taken, 0
                    if not await driver.wait_async(taken):
                        break
        except WrongUse:
            raise  # the first consumer goes on
        except Exception as error:  # never a cancellation: after one the run can be consumed further
            await self._aend(cut_short(), error)
            raise
        except KeyboardInterrupt as error:
            self._abort(driver, error)
            raise
        await self._aend(None, driver.core.error)
        raise self._last_word(driver, StopAsyncIteration())

    async def __aenter__(self) -> Self:
        """Stop the run at the end of the `async with` block."""
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Stop the run, and wait until it has."""
        await self._aend(cut_short(), error)

    async def aclose(self) -> None:
        """Stop now: running calls are cancelled, their cleanup awaited at most `grace` seconds."""
        await self._aend(cut_short())

    def __await__(self) -> Generator[Any, None, list[T]]:
        """All results, as a list. Only as the first use: it promises all of them."""
        if self._driver is not None:
            raise WrongUse(USED_UP)
        return self._gather().__await__()

    async def _gather(self) -> list[T]:
        async with self:
            return [result async for result in self]

    def _claim(self, loop: Any) -> Driver:
        """The first use decides how the run is consumed, and starts it; any other use is refused."""
        if self._over and self._driver is not None:
            raise self._last_word(self._driver, StopIteration() if loop is None else StopAsyncIteration())
        if self._driver is not None:
            raise WrongUse(
                "a run is consumed in one way, from one thread and one loop: make another with iobound.map()"
            )
        if self._over:
            raise cut_short()
        if loop is None:
            warn_if_blocking(self._call)
        driver = begin(self._call, self._source, self._options, self._errors, loop)
        self._batch = self._step = driver.core.rules.credits(driver.core.delivery.window)
        self._plain = self._errors != "collect" and not driver.hooks.delivered
        self._loop, self._owner, self._driver = loop, get_ident(), driver
        try:
            driver.start()
        except BaseException as error:  # from `setup`, say
            self._abort(driver, error)
            if (told := surfaced(error)) is error:
                raise
            raise told from error
        return driver

    def _give_back(self, driver: Driver, attempt: Attempt) -> None:
        """Give places in the window back, in batches. Workers never go short for it, unless calls are brief."""
        stock = len(driver.core.pending)
        brief = attempt.duration < BRIEF and self._step < 4 * self._batch
        if stock > self._taken or (stock and brief):
            self._step += self._batch
        else:
            taken, self._taken, self._step = self._taken, 0, self._batch
            driver.credit(taken)

    def _told(self, driver: Driver, attempt: Attempt) -> T:
        """What the consumer gets for a finished item, or SKIPPED."""
        if driver.hooks.delivered:
            driver.hooks.tell("delivered", attempt)
        if self._errors == "collect":
            return cast("T", Outcome.of(attempt))
        return attempt.value if attempt.error is None else SKIPPED  # type: ignore[no-any-return]

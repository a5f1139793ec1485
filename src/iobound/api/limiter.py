"""`Limiter`: limits that are shared, by runs, by threads, by event loops."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, overload

from iobound.api.deadlock import refuse_deadlock
from iobound.api.decorating import limited
from iobound.api.passage import Passage
from iobound.core.admission import Admission
from iobound.models.choices import SYSTEM
from iobound.models.forks import stays_behind
from iobound.policies.limits import limits
from iobound.words.bells import Bell, LoopBell, ThreadBell
from iobound.words.checks import check_count, check_plain, refuse
from iobound.words.errors import BlockingLoopWarning, Overloaded, hinted
from iobound.words.loops import loop_runs_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iobound.policies.limits import Limits
    from iobound.policies.rate import Rate

F = TypeVar("F", bound=Callable[..., Any])
Costs = float | Mapping[str, float]


class Limiter:
    """Rates and concurrency as an object: who passes it, wherever they are, together keeps within them.

    Pass it as `rate=` to any number of runs, use it in `with` or `async with`, or decorate a function with it. All wait
    in one queue, first come, first served.

    Args:
        rate: `"100/s"`, a `Rate`, or a list of them: all must admit.
        concurrency: how many may be inside at one time.
        key_rate: a rate, or a list of them, that each key has for itself.
        key_concurrency: how many of each key may be inside at one time.
        queue: how many may wait in `with`, or in a decorated function; more raise `Overloaded`.

    Raises:
        TypeError, ValueError: an argument is not valid.

    Example:
        >>> import iobound
        >>> limiter = iobound.Limiter("1000/s", concurrency=2)
        >>> with limiter(cost=3):
        ...     print("inside")
        inside
        >>> @limiter
        ... def fetch(url):
        ...     return url.upper()
        >>> fetch("a"), list(iobound.map(str.upper, "bc", rate=limiter))
        ('A', ['B', 'C'])
    """

    def __init__(
        self,
        rate: str | Rate | Sequence[str | Rate] | None = None,
        *,
        concurrency: int | None = None,
        key_rate: str | Rate | Sequence[str | Rate] | None = None,
        key_concurrency: int | None = None,
        queue: int = 1000,
    ) -> None:
        for name, count in (("concurrency", concurrency), ("key_concurrency", key_concurrency)):
            if count is not None:
                check_count(name, count)
        check_count("queue", queue, "an integer of at least 0", least=0)
        if rate is None and concurrency is None and key_rate is None and key_concurrency is None:
            raise hinted(TypeError("this limiter limits nothing"), "Limiter('100/s'), or Limiter(concurrency=10)")
        self._limits = limits(rate, concurrency=concurrency, key_rate=key_rate, key_concurrency=key_concurrency)
        self._queue = queue
        self._told = (rate, concurrency, key_rate, key_concurrency)
        self._lock = Lock()
        self._waiting = 0
        stays_behind(self)

    def forked(self) -> None:
        """This is a forked child: whoever waits or is inside stayed with the parent; what was charged stays charged."""
        self._lock, self._waiting = Lock(), 0
        for gate in self._limits.gates:
            gate.forked()

    def __repr__(self) -> str:
        named = zip(("", "concurrency=", "key_rate=", "key_concurrency="), self._told, strict=True)
        return f"Limiter({', '.join(f'{name}{told!r}' for name, told in named if told is not None)})"

    @property
    def limits(self) -> Limits:
        """Its gates: what runs that are given this limiter ask."""
        return self._limits

    @property
    def waiting(self) -> int:
        """How many wait for it, runs not counted."""
        return self._waiting

    @overload
    def __call__(self, fn: F, /) -> F: ...
    @overload
    def __call__(
        self,
        *,
        key: object = None,
        cost: Costs | Callable[[Any], float] | None = None,
    ) -> Permit: ...
    def __call__(self, fn: Any = None, /, key: Any = None, cost: Any = None) -> Any:  # type: ignore[misc] # it does
        """A place in the queue for `with` and `async with`; or, of a function, one that queues before each call.

        Args:
            fn: a plain or async function.
            key: what the limits per key go by. In a decorator, a function of the first argument.
            cost: units of every rate without a cost of its own, or a number for each unit: `{"tokens": 500}`. In a
                decorator, a number, or a function of the first argument.

        Raises:
            TypeError, ValueError: not a function that can be limited, or a cost that nothing here counts.
            RuntimeError: entering would wait for the very code that waits.
        """
        if key is not None:
            check_plain("key", key)
        if cost is not None:
            check_plain("cost", cost)
        permit = Permit(self, key, cost)
        return permit if fn is None else permit(fn)

    def _refuse(self, *_: object) -> NoReturn:
        """`with limiter:` has nowhere to keep what each of those who pass has taken."""
        raise hinted(TypeError("a Limiter cannot be entered as it is"), "call it: `with limiter():`, or `async with`")

    __enter__ = __exit__ = __aenter__ = __aexit__ = _refuse

    def try_acquire(self, *, key: Hashable = None, cost: Costs | None = None) -> Permit | None:
        """Pass now, or not at all: None. What passed goes into `with`, or is released by its `release()`."""
        permit = Permit(self, key, cost)
        return permit if permit.try_acquire() else None

    @contextmanager
    def room_to_wait(self) -> Iterator[None]:
        """Be one of the `queue` that may wait here; raises `Overloaded` if there are as many already."""
        with self._lock:
            if self._waiting >= self._queue:
                error = Overloaded(f"{self._queue} wait for this limiter")
                raise hinted(error, "let callers wait elsewhere, or raise queue=")
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1


class Permit(Passage):
    """One passage through a limiter: what `limiter(...)` gives."""

    depth = 3
    """Calls between the warning that a loop is blocked and the code of the user."""

    def __init__(
        self, limiter: Limiter, key: Any = None, cost: Any = None, costs: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(limiter.limits, key, cost, costs)
        self._limiter = limiter

    def __enter__(self) -> Self:
        """Wait, in this thread, until all admit."""
        if not self.go_in():
            if loop_runs_here():
                _warn(self.depth)
            self._wait(ThreadBell())
        self.entered()
        return self

    def __exit__(self, *_: object) -> None:
        """Whoever counts who is inside lets the next one in."""
        self.left()

    async def __aenter__(self) -> Self:
        """Wait until all admit; the loop goes on meanwhile."""
        import asyncio  # noqa: PLC0415 - there is a loop, so it is there

        loop = asyncio.get_running_loop()
        self.clock = getattr(loop, "clock", SYSTEM)
        if not self.go_in():
            await self._wait_async(LoopBell(loop))
        self.entered()
        return self

    async def __aexit__(self, *_: object) -> None:
        """As `__exit__`."""
        self.left()

    def __call__(self, fn: F) -> F:
        """`fn`, passing the limiter before each call."""
        return limited(fn, self._for_call)

    def _for_call(self, args: tuple[Any, ...]) -> Permit:
        """A passage of its own for one call of a decorated function."""
        item = args[0] if args else None
        key, cost = (told(item) if callable(told) else told for told in (self._key, self._cost))
        if cost is None and self._cost is not None:
            refuse("cost", cost, "a function that gives a number")
        costs = {unit: each(item) for unit, each in self._limits.costs.items()}
        permit = Permit(self._limiter, key, cost, costs)
        permit.depth += 1
        return permit

    # Waiting ------------------------------------------------------------------------------------------------

    def _wait(self, bell: ThreadBell) -> None:
        with self._waiting(bell) as admission:
            while (until := self._look(admission)) > 0:
                self.clock.wait(bell, until)

    async def _wait_async(self, bell: LoopBell) -> None:
        with self._waiting(bell) as admission:
            while (until := self._look(admission)) > 0:
                await bell.wait(until - self.clock.now())

    def _look(self, admission: Admission) -> float:
        """Go on as far as possible. When to look again, 0: inside."""
        now = self.clock.now()
        until = admission.advance(self._attempt, now)
        if until > now:
            return until
        self.tickets = admission.hand_over()
        return 0.0

    @contextmanager
    def _waiting(self, bell: Bell) -> Iterator[Admission]:
        """Whoever is stopped while it waits leaves every queue, and lets go of what was taken."""
        gates = self._limits.gates
        admission = Admission(gates, bell.ring)
        try:
            refuse_deadlock(gates, self._key)
            with self._limiter.room_to_wait():
                yield admission
        except BaseException:
            admission.leave()
            self.release()
            raise


def _warn(depth: int) -> None:
    import warnings  # noqa: PLC0415 - only who is warned pays for it

    message = "waiting in `with limiter()` blocks the running event loop\nhint: use `async with`, or an async function"
    warnings.warn(message, BlockingLoopWarning, stacklevel=depth)

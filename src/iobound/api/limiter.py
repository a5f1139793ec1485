"""`Limiter`: limits that are shared, by runs, by threads, by event loops."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from iobound.core.admission import Admission, enter
from iobound.models.calls import is_async
from iobound.models.choices import SYSTEM
from iobound.policies.limits import limits
from iobound.words.attempt import Attempt
from iobound.words.bells import Bell, LoopBell, ThreadBell
from iobound.words.checks import check_count, check_number
from iobound.words.errors import Overloaded, hinted
from iobound.words.spending import admitted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextvars import Token

    from iobound.policies.limits import Limits
    from iobound.policies.rate import Rate
    from iobound.words.clock import Clock
    from iobound.words.gates import Ticket
    from iobound.words.spending import Admitted

F = TypeVar("F", bound=Callable[..., Any])
Costs = float | Mapping[str, float]


class Limiter:
    """Rates and concurrency as an object: who passes it, wherever they are, together keeps within them.

    Pass it as `rate=` to any number of runs, use it in `with` or `async with`, or decorate a function with it. All wait
    in one queue, first come, first served.

    Args:
        rate: `"100/s"`, a `Rate`, or a list of them: all must admit.
        concurrency: how many may be inside at one time.
        key_rate: a rate that each key has for itself.
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
        key_rate: str | Rate | None = None,
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
        self._lock = Lock()
        self._waiting = 0

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
        """
        permit = Permit(self, key, cost)
        return permit if fn is None else permit(fn)

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


class Permit:
    """One passage through a limiter: what `limiter(...)` gives."""

    def __init__(
        self, limiter: Limiter, key: Any = None, cost: Any = None, costs: Mapping[str, float] | None = None
    ) -> None:
        self.clock: Clock = SYSTEM
        self.tickets: Sequence[Ticket] = ()
        """What was taken."""
        self._limiter = limiter
        self._key = key
        self._cost = cost
        self._costs = costs or {}
        self._inside = False
        self._before: Token[Admitted | None] | None = None

    def __enter__(self) -> Self:
        """Wait, in this thread, until all admit."""
        if not self.try_acquire():
            self._wait(ThreadBell())
        self._before = admitted.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Whoever counts who is inside lets the next one in."""
        if self._before is not None:
            admitted.reset(self._before)
        self.release()

    async def __aenter__(self) -> Self:
        """Wait until all admit; the loop goes on meanwhile."""
        import asyncio  # noqa: PLC0415 - there is a loop, so it is there

        loop = asyncio.get_running_loop()
        self.clock = getattr(loop, "clock", SYSTEM)
        if not self.try_acquire():
            await self._wait_async(LoopBell(loop))
        self._before = admitted.set(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        """As `__exit__`."""
        self.__exit__()

    def try_acquire(self) -> bool:
        """Pass now, or not at all. Whoever is inside already stays there."""
        if not self._inside:
            limits = self._limiter.limits
            self._attempt = _attempt(self._key, self._cost, self._costs, limits)
            self._go_in(enter(limits.gates, self._attempt, self.clock.now()))
        return self._inside

    def release(self) -> None:
        """Be outside again; what was charged stays charged."""
        tickets, self.tickets, self._inside = self.tickets, (), False
        for ticket in tickets:
            ticket.settled(self._attempt, self.clock.now())

    def __call__(self, fn: F) -> F:
        """`fn`, passing the limiter before each call."""
        permit = self._for_call
        if is_async(fn):

            @wraps(fn)
            async def limited_async(*args: Any, **kwargs: Any) -> Any:
                async with permit(args):
                    return await fn(*args, **kwargs)

            return limited_async  # type: ignore[return-value]

        @wraps(fn)
        def limited(*args: Any, **kwargs: Any) -> Any:
            with permit(args):
                return fn(*args, **kwargs)

        return limited  # type: ignore[return-value]

    def _for_call(self, args: tuple[Any, ...]) -> Permit:
        """A passage of its own for one call of a decorated function."""
        item = args[0] if args else None
        key, cost = (told(item) if callable(told) else told for told in (self._key, self._cost))
        costs = {unit: each(item) for unit, each in self._limiter.limits.costs.items()}
        return Permit(self._limiter, key, cost, costs)

    # Waiting ------------------------------------------------------------------------------------------------

    def _go_in(self, tickets: Sequence[Ticket] | None) -> None:
        if tickets is not None:
            self.tickets, self._inside = tickets, True

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
        self._go_in(admission.hand_over())
        return 0.0

    @contextmanager
    def _waiting(self, bell: Bell) -> Iterator[Admission]:
        """Whoever is stopped while it waits leaves every queue, and lets go of what was taken."""
        admission = Admission(self._limiter.limits.gates, bell.ring)
        try:
            with self._limiter.room_to_wait():
                yield admission
        except BaseException:
            admission.leave()
            self.release()
            raise


def _attempt(key: Hashable, cost: Costs | None, costs: Mapping[str, float], limited: Limits) -> Attempt:
    """What the gates are asked to admit."""
    attempt = Attempt()
    attempt.key = key
    attempt.costs = costs
    if isinstance(cost, Mapping):
        attempt.costs = {**costs, **cost}
    elif cost is not None:
        check_number("cost", cost, "a number of at least 0, or one for each unit", most=1e18)
        attempt.cost = cost
    missing = [unit for unit in limited.costs if unit not in attempt.costs]
    if missing:
        error = ValueError(f"the cost in {missing[0]} is a function of an item, and there is none here")
        raise hinted(error, f"limiter(cost={{{missing[0]!r}: ...}}) tells the number")
    return attempt

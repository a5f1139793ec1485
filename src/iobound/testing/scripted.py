"""Calls that do what a test tells them: take time, return, fail, hang, come back late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Condition, Event
from typing import TYPE_CHECKING, Any, Self, cast

from iobound.words.attempt import current
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from iobound.testing.clock import VirtualClock

ITEM: Any = object()
"""Stands for "the item itself" as what a call returns."""


@dataclass(frozen=True, slots=True)
class Act:
    """What one scripted call does.

    Example:
        >>> Act(seconds=2).ends, HANG.ends
        (True, False)
    """

    seconds: float = 0.0
    """How long it takes, before it returns or raises. Infinite: it hangs."""
    value: Any = ITEM
    """What it returns; by default the item."""
    error: BaseException | type[BaseException] | None = None
    """What it raises instead: this very object, or a new one of this type for every call."""
    stubborn: bool = False
    """An async call only: it goes on when it is cancelled, and returns late."""

    @property
    def ends(self) -> bool:
        """Whether it ever ends by itself."""
        return self.seconds < FOREVER


HANG = Act(seconds=FOREVER)
"""An act without end."""


@dataclass(slots=True, eq=False)
class Played:
    """One call that was made. Times are seconds on the clock that the call lived by."""

    item: Any
    index: int | None
    """The item's position in the run; None for a call outside any run."""
    attempt: int
    """1 for the first call for this item in its run, 2 for its first retry."""
    started: float
    ended: float | None = None
    """None while it runs. Of a call that `Simulated` makes: known, and perhaps yet to come, from its start."""
    cancelled: int = 0
    """How often an async call was cancelled."""
    act: Act = field(default_factory=Act)


Plan = Act | Mapping[Any, Act | Sequence[Act]] | Callable[[Played], Act]


class Script:
    """The plan of `Scripted` and `AsyncScripted`, and the record of what was called.

    Args:
        plan: an `Act` for every call; or a mapping from item to its `Act`, or to one per attempt of which the
            last holds for all later ones; or a callable that is given the `Played` call that begins (its
            `item`, `index` and `attempt` are set) and returns its `Act`.
        default: the `Act` of items that a mapping does not name.
        clock: the virtual time that plain calls sleep on; None: real time. Async calls use that of their loop.

    Example:
        >>> Script({"b": [Act(error=OSError), Act()]}).attempts("b")
        0
    """

    def __init__(
        self, plan: Plan | None = None, *, default: Act | None = None, clock: VirtualClock | None = None
    ) -> None:
        self._plan: Plan = Act() if plan is None else plan
        self._default = default or Act()
        self._clock = clock
        self._changed = Condition()
        self._live = 0
        self._most = 0
        self._released = Event()
        self.calls: list[Played] = []
        """Every call, in the order of their starts."""

    @property
    def items(self) -> list[Any]:
        """The item of every call, in the order of their starts."""
        return [played.item for played in self.calls]

    @property
    def peak(self) -> int:
        """The most calls that ran at one time."""
        moments = [
            (moment, step)
            for played in self.calls
            if played.ended != played.started
            for moment, step in ((played.started, 1), (FOREVER if played.ended is None else played.ended, -1))
        ]
        running, most = 0, self._most
        for _, step in sorted(moments):  # at one moment ends come before starts: a place freed is a place free
            running += step
            most = max(most, running)
        return most

    def attempts(self, item: Any) -> int:
        """How often the item was called for."""
        return sum(played.item == item for played in self.calls)

    def await_running(self, number: int, patience: float = 5.0) -> None:
        """Block, in real time, until at least `number` calls run in threads: then the time can be moved.

        Raises:
            TimeoutError: they did not within `patience` real seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._live >= number, patience):
                msg = f"{self._live} calls run, not {number}, after {patience:g} real seconds"
                raise TimeoutError(msg)

    def release(self) -> None:
        """End all plain calls that hang or sleep in real time, and hang no more: they return, late."""
        self._released.set()

    def __enter__(self) -> Self:
        """Release what hangs at the end of the `with` block, so that a test leaves no thread behind."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Release what hangs."""
        self.release()

    def _begin(self, item: Any, now: float) -> Played:
        try:
            running = current()
            played = Played(item, running.index, running.attempt, now)
        except LookupError:
            played = Played(item, None, self.attempts(item) + 1, now)
        played.act = self._act(played)
        with self._changed:
            self.calls.append(played)
            self._live += 1
            self._most = max(self._most, self._live)
            self._changed.notify_all()
        return played

    def _end(self, played: Played, now: float) -> None:
        with self._changed:
            self._live -= 1
        played.ended = now

    def _act(self, played: Played) -> Act:
        plan = self._plan
        if isinstance(plan, Act):
            return plan
        if not isinstance(plan, Mapping):
            return plan(played)
        acts = plan.get(played.item, self._default)
        if isinstance(acts, Act):
            return acts
        return acts[min(played.attempt, len(acts)) - 1]


class Scripted(Script):
    """A plain function that follows a plan: see `Script` for its arguments.

    On threads it really blocks: until its virtual clock is moved, or in real time without one. `Simulated`
    moves the time itself.

    Example:
        >>> from iobound.testing import Act, Scripted
        >>> double = Scripted(lambda call: Act(value=2 * call.item))
        >>> double(4), double.items, double.peak
        (8, [4], 1)
    """

    def __call__(self, item: Any, *_resource: Any) -> Any:
        """Play the act of the item. What `setup=` gave may come with it, and is not looked at."""
        clock = self._clock
        now = time.monotonic if clock is None else clock.now
        played = self._begin(item, now())
        try:
            self._pass(played.act.seconds)
        finally:
            self._end(played, FOREVER if self._hung(played) else now())
        return _result(played)

    def _pass(self, seconds: float) -> None:
        clock = self._clock
        if clock is not None and (seconds < FOREVER or clock.is_ahead()):
            if seconds:
                clock.sleep(seconds)
        elif seconds:
            self._released.wait(None if seconds == FOREVER else seconds)

    def _hung(self, played: Played) -> bool:
        return self._clock is not None and self._clock.is_ahead() and not played.act.ends


class AsyncScripted(Script):
    """An async function that follows a plan: see `Script` for its arguments.

    It sleeps on its event loop: with `run_virtual`, in no time.

    Example:
        >>> from iobound.testing import Act, AsyncScripted, run_virtual
        >>> run_virtual(AsyncScripted(Act(seconds=3600, value="done"))("item"))
        'done'
    """

    async def __call__(self, item: Any, *_resource: Any) -> Any:
        """Play the act of the item. What `setup=` gave may come with it, and is not looked at."""
        loop = asyncio.get_running_loop()
        played = self._begin(item, loop.time())
        try:
            await self._pass(played, loop)
        finally:
            self._end(played, loop.time())
        return _result(played)

    async def _pass(self, played: Played, loop: asyncio.AbstractEventLoop) -> None:
        act = played.act
        until = played.started + act.seconds
        while loop.time() < until:
            try:
                if act.ends:
                    await asyncio.sleep(until - loop.time())
                else:
                    await loop.create_future()
            except asyncio.CancelledError:
                played.cancelled += 1
                if not act.stubborn:
                    raise


def _result(played: Played) -> Any:
    """Return or raise as the act says."""
    act = played.act
    if act.error is not None:
        raise act.error
    return played.item if act.value is ITEM else cast("Any", act.value)

"""`VirtualClock`: time that passes only when a test says so."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from threading import Condition, current_thread, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Self

from iobound.words.bells import ThreadBell
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread
    from types import TracebackType

PATIENCE = 0.02
"""Real seconds that `advance` gives each thread it wakes to come back to the clock."""


class Hangs(BaseException):
    """Unwinds a simulated call that sleeps for ever."""


class Appointment:
    """Something that happens at a moment of a `VirtualClock`, unless it is cancelled before.

    Example:
        >>> clock = VirtualClock()
        >>> clock.call_at(5.0, lambda: print("five")).cancel()
        >>> clock.advance(10)
    """

    __slots__ = ("action", "moment", "sleeper")

    def __init__(self, moment: float, action: Callable[[], object], sleeper: Thread | None = None) -> None:
        self.moment = moment
        self.action: Callable[[], object] | None = action
        self.sleeper = sleeper

    def cancel(self) -> None:
        """Nothing happens, and the clock does not go there."""
        self.action = None


class VirtualClock:
    """Monotonic seconds that stand still until a test moves them. Any thread may use it.

    Hand it to a model, as in `iobound.models.Threads(clock=clock)` or `Simulated(clock)`, and everything that
    iobound does by time happens on it: timeouts, retries, statistics.

    `advance` goes through the appointments of its stretch in order of time, and of request where times are
    equal. A thread that it wakes is waited for (in real time, at most `patience` seconds) until it sleeps on
    the clock again or ends, so that threads act one after the other and each at the moment it asked for. One
    that blocks elsewhere instead costs `patience` real seconds, and goes on unobserved.

    Args:
        start: the first moment, in seconds.
        patience: real seconds.

    Example:
        >>> clock = VirtualClock()
        >>> clock.call_at(2.5, lambda: print("at", clock.now()))
        <...Appointment object at ...>
        >>> clock.advance(60)
        at 2.5
        >>> clock.now()
        60.0
    """

    def __init__(self, start: float = 0.0, *, patience: float = PATIENCE) -> None:
        self._now = start
        self._patience = patience
        self._changed = Condition()
        self._agenda: list[tuple[float, int, Appointment]] = []
        self._ties = count()
        self._asleep: dict[int, Appointment | None] = {}
        self._ahead: dict[int, float] = {}

    def now(self) -> float:
        """Seconds. Inside a simulated call: what they will be when it has slept as long as it has said so far."""
        return self._now + self._ahead.get(get_ident(), 0.0) if self._ahead else self._now

    # Moving time --------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, and everything happen that was to happen in them.

        Raises:
            ValueError: `seconds` is negative or infinite.
            RuntimeError: a simulated call moves the time that others live by. It may `sleep`.
        """
        if not 0 <= seconds < FOREVER:
            msg = f"time advances by finite seconds of at least 0, not by {seconds!r}"
            raise ValueError(msg)
        self.advance_to(self._now + seconds)

    def advance_to(self, until: float) -> None:
        """The same by moment: let time pass until the clock shows `until` seconds; it never goes back.

        Raises:
            RuntimeError: as for `advance`.

        Example:
            >>> clock = VirtualClock(10.0)
            >>> clock.advance_to(12.5)
            >>> clock.now()
            12.5
        """
        while self.step(until):
            pass
        with self._changed:
            self._now = max(self._now, until)

    def step(self, until: float = FOREVER) -> bool:
        """Go to the next appointment that is at most at `until`, and keep it. False: there is none, time stands.

        Raises:
            RuntimeError: as for `advance`.

        Example:
            >>> clock = VirtualClock()
            >>> clock.step()
            False
        """
        if self.is_ahead():
            msg = "a simulated call, or the source of a simulated run, cannot move time: it may sleep()"
            raise RuntimeError(msg)
        with self._changed:
            if self.next_moment() > until or not self._agenda:
                return False
            appointment = heappop(self._agenda)[2]
            self._now = max(self._now, appointment.moment)
            action, appointment.action = appointment.action, None
        if action is not None:
            action()
        if appointment.sleeper is not None:
            self._await(appointment, appointment.sleeper)
        return True

    def next_moment(self) -> float:
        """When the next appointment is, in seconds on this clock; infinite if there is none.

        Example:
            >>> VirtualClock().next_moment()
            inf
        """
        with self._changed:
            while self._agenda and self._agenda[0][2].action is None:
                heappop(self._agenda)
            return self._agenda[0][0] if self._agenda else FOREVER

    def call_at(self, moment: float, action: Callable[[], object]) -> Appointment:
        """Have `action()` called when the clock shows `moment` seconds, by the thread that moves the time.

        A moment that has passed is kept at the next movement, however small. An infinite one never comes.
        """
        return self._appoint(Appointment(moment, action))

    # Waiting for time ---------------------------------------------------------------------------------------

    def wait(self, bell: ThreadBell, until: float) -> None:
        """Block this thread until `bell` is rung or the clock is moved to `until`."""
        ident = get_ident()
        with self._changed:
            if until <= self._now:
                return
            appointment = self._appoint(Appointment(until, bell.ring, current_thread()))
            self._asleep[ident] = appointment
            self._changed.notify_all()
        try:
            bell.wait()
        finally:
            with self._changed:
                appointment.cancel()
                self._asleep.pop(ident, None)

    def sleep(self, seconds: float) -> None:
        """Take so many seconds: what scripted calls and sources use in place of `time.sleep`.

        In a thread: block until somebody has moved the time that far. In a simulated call, or the source of a
        simulated run: return at once, having noted that the call takes that much longer.
        """
        ident = get_ident()
        if ident in self._ahead:
            if seconds == FOREVER:
                raise Hangs
            self._ahead[ident] += seconds
            return
        bell, until = ThreadBell(), self._now + seconds
        while self._now < until:
            self.wait(bell, until)

    def sleepers(self) -> int:
        """How many threads sleep on the clock now.

        Example:
            >>> VirtualClock().sleepers()
            0
        """
        with self._changed:
            return len(self._asleep)

    def await_sleepers(self, number: int, patience: float = 5.0) -> None:
        """Block, in real time, until at least `number` threads sleep on the clock: then it can be moved.

        Raises:
            TimeoutError: they did not within `patience` real seconds.

        Example:
            >>> VirtualClock().await_sleepers(0)
        """
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._asleep) >= number, patience):
                msg = f"{len(self._asleep)} threads sleep on the clock, not {number}, after {patience:g} real seconds"
                raise TimeoutError(msg)

    def is_asleep(self, thread: Thread) -> bool:
        """Whether `thread` sleeps on the clock, so that nothing but time or another thread will move it."""
        with self._changed:
            return (thread.ident or 0) in self._asleep

    def ahead(self) -> Ahead:
        """Whatever this thread sleeps inside the `with` block is noted, not waited for: see `Ahead`."""
        return Ahead(self._ahead)

    def is_ahead(self) -> bool:
        """Whether the calling code is such a block."""
        return get_ident() in self._ahead

    def _appoint(self, appointment: Appointment) -> Appointment:
        if appointment.moment < FOREVER:
            with self._changed:
                heappush(self._agenda, (appointment.moment, next(self._ties), appointment))
        return appointment

    def _await(self, appointment: Appointment, sleeper: Thread) -> None:
        """Let a woken thread do what it was waiting to do."""
        deadline = monotonic() + self._patience
        with self._changed:
            while sleeper.is_alive() and monotonic() < deadline:
                if self._asleep.get(sleeper.ident or 0, appointment) is not appointment:
                    return
                self._changed.wait(1e-3)


class Ahead:
    """How long a piece of code would have slept."""

    __slots__ = ("_all", "hung", "seconds")

    def __init__(self, everybody: dict[int, float]) -> None:
        self._all = everybody
        self.seconds = 0.0
        """Infinite if it sleeps for ever."""
        self.hung = False

    def __enter__(self) -> Self:
        """Begin."""
        self._all[get_ident()] = 0.0
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        """End; a sleep without end ends here."""
        self.seconds = self._all.pop(get_ident())
        self.hung = isinstance(error, Hangs)
        return self.hung

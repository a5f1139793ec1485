"""Calls that keep an event loop from going on are named: file, line, and what to do about it.

One daemon thread, a watchdog, looks at all loops that make calls of a run. A loop that waits has no current task: it
is let sleep, however many calls wait on it. Through one that has, a beat is sent (`call_soon_threadsafe`); as long as
it is not answered the thread looks where the loop stands. So an idle run costs it next to nothing, and it finds every
call that blocks for longer than IDLE and two AGAIN, where a beat now and then would find only those that it meets.

Who is blamed has been seen in the act: the same call at two looks, or the same line at most of many looks, for brief
calls that never let go add up, too. A look that comes late proves nothing: the process stood still, for a collection
of garbage, or with its machine. Nothing is seen of a C function that keeps the interpreter's lock: the watchdog
stands still with it.
"""

from __future__ import annotations

import sys
import warnings
from asyncio import current_task
from collections import Counter, deque
from threading import Lock, RLock, Thread, current_thread
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple
from weakref import ref

from iobound.models.forks import stays_behind
from iobound.models.places import place_in
from iobound.words.bells import ALWAYS, ThreadBell
from iobound.words.clock import SystemClock
from iobound.words.errors import BlockingLoopWarning, logged

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Sequence

    from iobound.models.asyncio import TaskCrew
    from iobound.models.places import Place

DELAY = 0.25
"""Seconds that a run lasts before its loop is watched: a briefer one pays for a timer and nothing else. The timer is on
that very loop, so whoever sees earlier that it does not go on says so: a consumer in another thread, or a worker whose
call has kept the loop for long."""
IDLE = 0.25
"""Seconds between two looks at loops that go on. Each wakes a thread: four a second are below 0.1 % of a core."""
AGAIN = 0.05
"""Seconds between two looks at one that has not answered. Two of them are the 0.1 s in which a loop must answer, as in
asyncio's own debug mode (`slow_callback_duration`)."""
LATE = 0.05
"""Seconds by which a look may be late and still prove something."""
MANY = 10
"""Looks in a row at which calls that are each too brief to be seen twice are found guilty together."""
LONG = 1.0
"""Seconds after which the thread speaks for itself: the loop may never come back."""
LEAVING = 0.1
"""Seconds that whoever ends the last watch waits for the thread, which has only a few instructions to go."""


class LoopWatch:
    """The loop of one run is watched, until the run is over or one of its calls was named."""

    def __init__(self, crew: TaskCrew) -> None:
        self.crew = crew
        self.driver = driver = crew.driver
        self.loop = crew.loop
        self.pulse: Pulse | None = None
        self.over = False
        self.said = Lock()
        # Other clocks stand still while anybody computes; without a GIL no thread may read another's frames.
        watched = isinstance(driver.clock, SystemClock) and not ALWAYS
        self.timer = crew.loop.call_later(DELAY, self.start) if watched else None

    @property
    def live(self) -> bool:
        """Whether there is still something to see."""
        return not self.over and not self.loop.is_closed()

    def stop(self) -> None:
        """The run is over."""
        self.over = True
        if self.timer is not None:
            self.timer.cancel()
        if self.pulse is not None:
            _patrol.leave()

    def start(self) -> None:
        """From now on, if it is watched at all: from any thread, and perhaps more than once."""
        if self.timer is not None and self.pulse is None:
            _patrol.enter(self)

    def call_of(self, task: object) -> tuple[int, int] | None:
        """Which attempt at which item the task makes, if it is a worker of this run."""
        worker = next((worker for worker in list(self.crew.members.values()) if worker.task is task), None)
        attempt = None if worker is None else worker.slot.attempt
        return None if attempt is None else (attempt.index, attempt.number)

    def say(self, place: Place, seconds: float) -> None:
        """Name the place, once in the life of the run; by default Python shows it once in that of the process."""
        if not self.said.acquire(blocking=False) or self.over:
            return
        self.over = True
        self.driver.job.context.copy().run(self._warn, place, seconds)  # filters may be part of a context

    def _warn(self, place: Place, seconds: float) -> None:
        name = self.driver.job.call.name
        message = (
            # Not to the hundredth: Python shows a text once for each line of code, and this shall be one text.
            f"{name}() blocked the event loop for more than {1 if seconds >= 1 else 0.1} s at {place}: "
            "nothing else went on\n"
            f"hint: await something that does not block, such as iobound.to_async({place.called() or '...'}), "
            f"or make {name} a plain function: those run on threads"
        )
        registry = place.scope.setdefault("__warningregistry__", {})
        module = place.scope.get("__name__")
        try:
            warnings.warn_explicit(message, BlockingLoopWarning, place.file, place.line, module, registry)
        except BlockingLoopWarning as error:  # who turns warnings into errors wants to see them
            self.driver.crash(error)
        except Exception as error:  # noqa: BLE001 - from whatever shows warnings here: no reason to harm a run
            logged(error, "a warning could not be shown: %r", error)


class Look(NamedTuple):
    """A call that was seen while its loop did not answer."""

    watch: LoopWatch
    call: tuple[int, int]
    place: Place


class Beat:
    """What is sent through a loop, and what was seen until it was answered."""

    def __init__(self, sent: float) -> None:
        self.sent = sent
        self.answered = False
        self.looks: deque[Look] = deque(maxlen=2 * MANY)
        self.guilty: Look | None = None

    def stood_still(self, now: float) -> None:
        """The whole process did: nothing that was seen proves anything."""
        self.sent, self.guilty = now, None
        self.looks.clear()

    def add(self, look: Look) -> None:
        """Judge what was seen so far."""
        self.looks.append(look)
        (call, times) = Counter((each.watch, each.call) for each in self.looks).most_common(1)[0]
        together = len(self.looks) >= MANY
        suspects = [each for each in self.looks if together or (each.watch, each.call) == call]
        (place, seen) = Counter(each.place for each in suspects).most_common(1)[0]
        if times > 1 or (together and 2 * seen > len(suspects)):
            self.guilty = next(each for each in suspects if each.place == place)


class Pulse:
    """Whether one loop goes on. Shared by all runs on it, and kept by them alone."""

    def __init__(self, watch: LoopWatch) -> None:
        self.loop: AbstractEventLoop = watch.loop
        self.thread = watch.crew.thread
        self.beat: Beat | None = None

    def feel(self, watches: Sequence[LoopWatch], now: float, *, late: bool) -> bool:
        """Whether to look again soon."""
        beat = self.beat
        if beat is None:
            return current_task(self.loop) is not None and self._send(Beat(now))
        if beat.answered:
            self.beat = None
            return False
        if late:
            beat.stood_still(now)
        elif (look := self._look(watches)) is not None:
            beat.add(look)
        if beat.guilty is not None and now - beat.sent >= LONG:
            beat.guilty.watch.say(beat.guilty.place, now - beat.sent)
        return True

    def _send(self, beat: Beat) -> bool:
        self.beat = beat
        try:
            self.loop.call_soon_threadsafe(self._answer, beat)
        except RuntimeError:
            return False  # the loop is closed
        return True

    def _look(self, watches: Sequence[LoopWatch]) -> Look | None:
        """The call of these runs that the loop stands in."""
        task = current_task(self.loop)
        for watch in watches:
            call = watch.call_of(task)
            if call is not None:
                place = place_in(sys._current_frames().get(self.thread))  # noqa: SLF001 - there is no other way
                return Look(watch, call, place) if place and current_task(self.loop) is task else None
        return None

    def _answer(self, beat: Beat) -> None:
        """On the loop, which goes on: there whoever was blocked hears of it."""
        beat.answered, guilty = True, beat.guilty
        if guilty is not None:
            guilty.watch.say(guilty.place, monotonic() - beat.sent)


class Patrol:
    """The runs that are watched, and the one thread that goes from loop to loop while there are any.

    It holds none of them: a run that is dropped is gone, whether or not its loop ever runs again.
    """

    def __init__(self) -> None:
        self.lock = RLock()  # a run may be collected, and leave, while its own thread is in here
        self.watches: dict[ref[LoopWatch], None] = {}
        self.thread: Watchdog | None = None
        stays_behind(self)

    def forked(self) -> None:
        """This is a forked child: the thread, and the runs, are its parent's."""
        self.lock = RLock()
        self.watches.clear()
        self.thread = None

    def enter(self, watch: LoopWatch) -> None:
        """Watch the loop of this run."""
        with self.lock:
            if watch.pulse is not None:
                return
            pulses = (other.pulse for other in self.living() if other.loop is watch.loop)
            watch.pulse = next(pulses, None) or Pulse(watch)
            self.watches[ref(watch)] = None
            if self.thread is not None and self.thread.is_alive():
                return
            self.thread = thread = Watchdog(self)
        try:
            thread.start()
        except RuntimeError:
            pass  # no thread is to be had: better unwatched than not at all

    def leave(self) -> None:
        """A run is over: with the last one the thread goes, too."""
        with self.lock:
            thread = self.thread
            if thread is None or self.living():
                return
            self.thread = None
        thread.bell.ring()
        if thread.is_alive() and thread is not current_thread():
            thread.join(LEAVING)

    def living(self) -> list[LoopWatch]:
        """* The runs that are still watched; all others are forgotten."""
        found = {each: watch for each in list(self.watches) if (watch := each()) is not None and watch.live}
        self.watches = dict.fromkeys(found)
        return list(found.values())

    def goes_on(self, thread: Watchdog) -> bool:
        """Whether there is anything left to do for this thread."""
        with self.lock:
            if self.thread is thread and not self.living():
                self.thread = None
            return self.thread is thread

    def look(self, *, late: bool) -> bool:
        """Look at all loops. Whether to come again soon."""
        with self.lock:
            watches = self.living()
        now, runs = monotonic(), dict[Pulse, list[LoopWatch]]()
        for watch in watches:
            if watch.pulse is not None:
                runs.setdefault(watch.pulse, []).append(watch)
        out = [pulse.feel(those, now, late=late) for pulse, those in runs.items()]  # every one, not as far as the first
        return any(out)


class Watchdog(Thread):
    """The thread. Between two looks it holds nothing but the patrol."""

    def __init__(self, patrol: Patrol) -> None:
        super().__init__(name="iobound watch", daemon=True)
        self.patrol = patrol
        self.bell = ThreadBell()

    def run(self) -> None:
        """Look, and wait; go when the last run has."""
        pause = IDLE
        while self.patrol.goes_on(self):
            due = monotonic() + pause
            self.bell.wait(pause)
            pause = AGAIN if self.patrol.look(late=monotonic() > due + LATE) else IDLE


_patrol = Patrol()

"""What a model is given, and what it gives: the facts of a run, and the workers that make its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from iobound.models.calls import failure_of
from iobound.words.events import HookSet

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from iobound.core.rules import Rules
    from iobound.models.calls import Call
    from iobound.models.driver import Driver
    from iobound.words.attempt import Attempt, Slot
    from iobound.words.bells import ThreadBell
    from iobound.words.clock import Clock
    from iobound.words.gates import Pause
    from iobound.words.limiting import Told


@dataclass(frozen=True, slots=True)
class Job:
    """All that a model needs to know of a run."""

    call: Call
    source: Any
    rules: Rules
    context: Context
    clock: Clock
    hooks: HookSet = field(default_factory=HookSet)
    feed: str = "auto"
    prepare: Callable[[Attempt], None] | None = None
    """Sets an attempt's key and cost, where the source is fed; one that raises fails the item."""
    judge: Callable[[Attempt, bool], Pause | None] | None = None
    """What a failed attempt waits for before the next one, if there shall be one; whether its call was given up."""
    overload: Callable[[BaseException], Told | None] | None = None
    """What a failure tells about the load on the other side, where that steers the limit."""
    meter: Callable[[], None] | None = None
    """Tells a memory budget what the process takes; called outside every lock."""
    told: bool = True
    """The user said which model it shall be."""
    may_call_here: bool = False
    """The consumer may make brief calls itself, where that is measured to be best."""
    successor: Callable[[Driver], Workers] | None = None
    """Makes the workers that take over when a plain function turns out to return coroutines."""

    def look_at(self, attempt: Attempt, *, abandoned: bool) -> None:
        """What is to be known of an ended attempt before it is settled: outside every lock: users may be asked."""
        if self.meter is not None:
            self.meter()
        if attempt.error is None:
            return
        if self.overload is not None:
            attempt.told = self.overload(attempt.error)
        if self.judge is None:
            return
        try:
            attempt.pause = self.judge(attempt, abandoned)
        except BaseException as error:  # noqa: BLE001 - `on=` or `wait=` failed: that is what the item fails with
            error.__context__ = attempt.error
            attempt.error = failure_of(error)


class Workers(Protocol):
    """Whatever makes the calls. Methods marked * are called under the run's lock."""

    live: int
    """How many workers there are."""
    cancels: bool
    """Whether a call that runs can be cancelled."""

    @property
    def model(self) -> str:
        """What they are called: see `Stats.model`."""

    @property
    def reason(self) -> str:
        """Why they make the calls, and no others."""

    def start(self) -> None:
        """The run is used for the first time."""

    def stir(self) -> None:
        """Something may be there to start: see to it that it is, as far as the limit allows."""

    def rung(self) -> None:
        """A gate may have opened: have somebody look, or `Driver.tick` called. Takes no lock."""

    def work_here(self) -> bool:
        """The consumer would wait: it may make a call itself. Whether it did."""

    def doze(self, bell: ThreadBell, until: float) -> None:
        """The consumer, in a thread of its own, sleeps until it is rung or so late."""

    def expire(self, slot: Slot) -> Attempt | None:
        """* The call in `slot` has had its time: cancel it, or give it up. What is to be settled for it now."""

    def recall(self) -> None:
        """* The limit has changed: if it fell, not all may go on."""

    def halt(self) -> None:
        """The run stops: cancel what can be cancelled, send the idle home. Takes no lock."""

    def dismiss(self) -> None:
        """* Nothing will start any more: send the idle home."""

    def retire(self) -> None:
        """* Others take over: finish the calls that run, start no more."""

    def watch(self, at: float) -> None:
        """* See that `Driver.tick` is called at `at`."""

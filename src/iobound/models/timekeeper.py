"""The clock hand of a run on threads: one daemon thread, started only when time alone can change something."""

from __future__ import annotations

from threading import Thread, current_thread
from typing import TYPE_CHECKING, Protocol

from iobound.words.bells import ThreadBell
from iobound.words.clock import FOREVER

if TYPE_CHECKING:
    from iobound.models.driver import Driver


class Timed(Protocol):
    """A crew with a timekeeper."""

    live: int
    retired: bool

    def begin(self, thread: Thread) -> None:
        """* Start a thread that belongs to the run."""

    def impatient(self, now: float) -> float:
        """* Doubt that calls are fast, if they are not. Returns when to doubt again."""


class Timekeeper:
    """Calls `Driver.tick` when its time has come."""

    def __init__(self, driver: Driver, crew: Timed) -> None:
        self.driver = driver
        self.crew = crew
        self.bell = ThreadBell()
        self.at = FOREVER
        self.started = False
        self.summoned = False

    def open(self) -> None:
        """* Start the thread."""
        if not self.started and not self.driver.core.stopping:
            self.started = True
            self.crew.begin(Thread(target=self._keep, name="iobound timekeeper", daemon=True))

    def summon(self) -> None:
        """Tick now. Takes no lock."""
        self.summoned = True
        self.bell.ring()

    def watch(self, at: float) -> None:
        """* Tick at `at`, or earlier."""
        if at < self.at:
            self.at = at
            if self.started:
                self.bell.ring()
            else:
                self.open()

    def _keep(self) -> None:
        driver = self.driver
        try:
            while not self._over():
                driver.clock.wait(self.bell, self.at)
                now = driver.clock.now()
                if self.summoned or now >= self.at:
                    self.at, self.summoned = FOREVER, False
                    due = driver.tick(now)
                    with driver.lock:
                        self.at = min(self.at, due, self.crew.impatient(now))
        except BaseException as error:  # noqa: BLE001 - the last resort: a broken clock never looks like an end
            driver.crash(error)
        finally:
            driver.left(current_thread())

    def _over(self) -> bool:
        core = self.driver.core
        return core.stopping or ((core.drained or self.crew.retired) and not self.crew.live)

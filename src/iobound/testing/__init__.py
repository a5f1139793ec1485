"""For tests, iobound's own and yours: virtual time, scripted calls, and runs simulated in one thread.

Nothing here really sleeps, so a test of an hour of timeouts and retries takes milliseconds, and the same test
takes the same course every time.

Example:
    >>> import iobound
    >>> from iobound.testing import Act, Scripted, Simulated, VirtualClock
    >>> clock = VirtualClock()
    >>> fetch = Scripted({"b": Act(seconds=3600)}, clock=clock)
    >>> run = iobound.map(fetch, "abc", model=Simulated(clock), task_timeout=60, errors="collect")
    >>> [outcome.ok for outcome in run], clock.now()
    ([True, False, True], 60.0)
"""

from __future__ import annotations

from iobound.testing.clock import Appointment, VirtualClock
from iobound.testing.loop import VirtualLoop, run_virtual
from iobound.testing.scripted import HANG, Act, AsyncScripted, Played, Scripted
from iobound.testing.server import Refused, SimulatedServer
from iobound.testing.simulated import Simulated

__all__ = [
    "HANG",
    "Act",
    "Appointment",
    "AsyncScripted",
    "Played",
    "Refused",
    "Scripted",
    "Simulated",
    "SimulatedServer",
    "VirtualClock",
    "VirtualLoop",
    "run_virtual",
]

"""Run one program in a fresh process, under limits, and measure it.

The parent's half. The half that runs in the child is `iobound.lab.inside`. What a program is measured by:

- *wall* and *CPU* seconds of the call itself, all its threads together; starting Python and importing come before.
- *memory*: the peak of the whole process, interpreter and imports included. It is `VmHWM` on Linux, not `ru_maxrss`,
  for the kernel lets a child begin with the `ru_maxrss` of its parent.
- *threads* and *descriptors*: the peaks of the whole process, the main thread and the three standard streams included;
  sampled from here, every `PAUSE`.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from iobound.lab.peaks import Peaks
from iobound.lab.process import started

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

PAUSE = 0.002
"""Seconds between two samples."""
DESCRIPTORS = 1024
"""The soft limit of open files that most systems give a process."""
LAST_LINES = 5


class ChildError(RuntimeError):
    """The program gave no result: the message says why."""


class NotInstalledError(ChildError):
    """The program needs a package that is not there. `name` is its name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: not installed")
        self.name = name


class CrashedError(ChildError):
    """The program raised, or its process died."""


class TimedOutError(ChildError):
    """The program was not done in time, and was killed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a program returned, and what it took. None: this machine cannot tell."""

    value: Any
    """What the program returned, by way of JSON."""
    wall: float
    """Seconds the call took."""
    cpu: float
    """Seconds of CPU it used, in all threads."""
    memory: int | None
    """Peak resident memory in bytes, of the whole process."""
    threads: int | None
    """The most threads at once."""
    descriptors: int | None
    """The most open descriptors at once."""
    descriptor_limit: int | None
    """How many it may have had."""


def measure(
    program: str,
    *arguments: Any,
    needs: Sequence[str] = (),
    descriptors: int = DESCRIPTORS,
    timeout: float = 60,
) -> Measured:
    """Call `program` in a fresh process of this interpreter, and wait for it.

    Args:
        program: `"package.module:function"`; a plain function.
        *arguments: what it is called with; anything JSON can carry, as what it returns must be.
        needs: modules that it imports, imported before the clock starts.
        descriptors: the soft limit of open descriptors, where the system has one; a lower hard limit wins.
        timeout: seconds for all of it; then the process is killed, with all it started.

    Raises:
        NotInstalledError: a module of `needs` is missing.
        CrashedError: the program raised, or its process died.
        TimedOutError: it was not done in time.

    Example:
        >>> measure("math:factorial", 20).value
        2432902008176640000
    """
    order = {
        "program": program,
        "arguments": arguments,
        "needs": list(needs),
        "descriptors": descriptors,
        "timeout": timeout,
    }
    # Files, not pipes: nobody has to read along, so nothing can block.
    with TemporaryFile() as orders, TemporaryFile() as answer, TemporaryFile() as complaints:
        orders.write(json.dumps(order).encode())
        orders.seek(0)
        with started("iobound.lab.inside", stdin=orders, stdout=answer, stderr=complaints) as process:
            peaks = _watched(process, program, timeout)
        report = _report(process.returncode, answer, complaints)
    return Measured(threads=peaks.threads, descriptors=peaks.descriptors, **report)


def _watched(process: subprocess.Popen[bytes], program: str, timeout: float) -> Peaks:
    """Sample until the child ends."""
    peaks = Peaks(process.pid)
    deadline = time.monotonic() + timeout
    while process.poll() is None:
        peaks.look()
        if time.monotonic() > deadline:
            raise TimedOutError(f"{program} was not done after {timeout:g} s")
        time.sleep(PAUSE)
    return peaks


def _report(status: int, answer: IO[bytes], complaints: IO[bytes]) -> dict[str, Any]:
    """What the child reported, or what became of it."""
    answer.seek(0)
    content = answer.read()
    if status or not content:
        complaints.seek(0)
        last = complaints.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:]
        raise CrashedError("\n".join([*last, f"(exit status {status})"]))
    report: dict[str, Any] = json.loads(content)
    if missing := report.get("missing"):
        raise NotInstalledError(missing)
    if error := report.get("error"):
        raise CrashedError(error)
    return report

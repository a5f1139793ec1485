"""The half of a measurement that runs in the child: `iobound.lab.child` starts it, and reads what it reports.

The order comes as JSON on standard input, and the report leaves as JSON on standard output. What the program itself
prints goes to standard error.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

try:
    resource: Any = import_module("resource")
except ModuleNotFoundError:  # Windows, which has no such limits
    resource = None

GRACE = 5
"""Seconds after its time limit in which the parent kills this process. One that was orphaned then ends itself."""


def main() -> None:
    """Do as ordered, once."""
    order = json.load(sys.stdin)
    report_to = os.dup(1)
    os.dup2(2, 1)
    if hasattr(signal, "alarm"):
        signal.alarm(math.ceil(order["timeout"]) + GRACE)
    report = outcome(order)
    with os.fdopen(report_to, "w", encoding="utf-8") as answer:
        json.dump(report, answer)


def outcome(order: dict[str, Any]) -> dict[str, Any]:
    """The report: a measurement, the name of a missing module, or an error in words."""
    limit = limited(order["descriptors"])
    for name in order["needs"]:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            return {"missing": error.name}
    module, _, function = order["program"].partition(":")
    program = getattr(import_module(module), function)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        value = program(*order["arguments"])
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent tells it
        return {"error": f"{type(error).__name__}: {error}"}
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"value": value, "wall": wall, "cpu": cpu, "memory": peak_memory(), "descriptor_limit": limit}


def limited(descriptors: int) -> int | None:
    """Lower or raise the soft limit of open descriptors, as far as the hard one allows; the limit now in force."""
    if resource is None:
        return None
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = descriptors if hard == resource.RLIM_INFINITY else min(descriptors, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def peak_memory() -> int | None:
    """The most memory that this process ever had resident, in bytes.

    `ru_maxrss` is no good on Linux: it begins with that of the parent, and outlives `exec`.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text(encoding="ascii", errors="replace").splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit


if __name__ == "__main__":
    main()

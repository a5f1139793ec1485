"""How many files and sockets this process may have open, and has."""

from __future__ import annotations

import os

from iobound.policies.descriptors import most_calls


def descriptor_limits() -> tuple[int | None, int | None]:
    """The soft and the hard limit; None where the platform has none."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None, None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft, hard


def open_descriptors() -> int | None:
    """How many are open now."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return len(os.listdir(folder)) - 1  # noqa: PTH208 - the listing itself opens one
        except OSError:
            continue
    return None


def room_for_calls() -> int | None:
    """How many calls may run if each takes a descriptor; None if nobody can tell."""
    soft, open_now = descriptor_limits()[0], open_descriptors()
    return None if soft is None or soft < 0 or open_now is None else most_calls(soft, open_now)

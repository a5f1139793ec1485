"""File descriptors: a call that finds none left has not failed, there are too many beside it."""

from __future__ import annotations

from errno import EMFILE, ENFILE

RESERVED = 64
"""Descriptors left to the rest of the program."""
SHARE = 0.8
DEEPEST = 20
"""A chain of causes longer than this is not looked through."""


def most_calls(soft: int, open_now: int) -> int:
    """How many calls may run where so many descriptors are allowed and open, each call taking one."""
    return max(1, int(SHARE * (soft - open_now - RESERVED)))


def starved(error: BaseException | None) -> bool:
    """Whether the error, or what caused it, is that no descriptor was left in the process or on the machine."""
    for _ in range(DEEPEST):
        if error is None:
            return False
        if isinstance(error, OSError) and error.errno in (EMFILE, ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False

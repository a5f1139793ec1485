"""Coroutines that run without a loop: what they await blocks, or moves a clock, instead of suspending them."""

from __future__ import annotations

from typing import Any


def stepped(coroutine: Any) -> Any:
    """What a coroutine returns that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise AssertionError("it suspended, and there is no loop")

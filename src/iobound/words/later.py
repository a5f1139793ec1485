"""Public names that are imported when they are first asked for: what they need is not paid for otherwise."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def later(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` (PEP 562) of a package: its names, and the module below `iobound` where each is made."""

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"iobound.{homes[name]}"), name)
        setattr(sys.modules[package], name, found)
        return found

    return find

"""The execution models: each only calls, waits and wakes; the core decides.

`model=` takes a name (`"serial"`, `"threads"`, `"asyncio"`, `"auto"`) or one of these objects.
"""

from __future__ import annotations

from iobound.models.choices import Asyncio, Model, Serial, Threads

__all__ = ["Asyncio", "Model", "Serial", "Threads"]

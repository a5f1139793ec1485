"""What users call."""

from __future__ import annotations

from iobound.api.mapping import map, starmap
from iobound.api.run import Run

__all__ = ["Run", "map", "starmap"]

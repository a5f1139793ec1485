"""These tests share their scenarios; pytest imports each file by itself, so: by path."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

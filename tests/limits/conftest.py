"""These tests share servers, stages and a ledger; pytest imports each file by itself, so: by path."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "policies")]

"""Which Python files below a folder define the most functions? Unreadable ones are reported, not fatal.

Run it as `python examples/files.py [FOLDER]`.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import iobound

HERE = Path(__file__).parent
SHOWN = 5


def count_functions(path: Path) -> int:
    """How many functions a file defines. Raises what reading or parsing it raises."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    return sum(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))


def main(folder: Path = HERE) -> None:
    """Print the files with the most functions, and those that could not be read."""
    # The folder is walked while files are read: a walk that takes minutes, on a network disk, delays nothing.
    counts: dict[Path, int] = {}
    with iobound.map(count_functions, folder.rglob("*.py"), errors="collect", ordered=False) as run:
        for outcome in run:
            if outcome.value is not None:
                counts[outcome.item] = outcome.value
            else:
                print(f"{outcome.item}: {outcome.error!r}", file=sys.stderr)
    for path in sorted(counts, key=lambda each: (-counts[each], each))[:SHOWN]:
        print(f"{counts[path]:6,}  {path.relative_to(folder)}")
    stats = run.stats
    print(f"{stats.succeeded:,} files in {stats.elapsed:.2f} s, {stats.failed} failed")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))

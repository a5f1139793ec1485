"""Three stages, each bounded: files are read, their words are counted, and the counts are stored in SQLite.

Run it as `python examples/pipeline.py [FOLDER]`. A run is a source: the second stage pulls the first as it has
room, so a slow end slows the beginning and nothing piles up in between.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import iobound

HERE = Path(__file__).parent
WORD = re.compile(r"[A-Za-z]{4,}")


def read(path: Path) -> str:
    """First stage: waits for storage, so many at once. A file that is not text fails here."""
    return path.read_text(encoding="utf-8")


def count(text: str) -> Counter[str]:
    """Second stage: computes. More threads would only share the interpreter, so it has two."""
    return Counter(word.lower() for word in WORD.findall(text))


def main(folder: Path = HERE) -> None:
    """Run the pipeline; the last stage, storing, is the loop that consumes it."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    texts = iobound.map(read, files, concurrency=16, buffersize=64)
    counts = iobound.map(count, texts, concurrency=2, buffersize=16, errors="collect")
    with closing(sqlite3.connect(":memory:")) as database, counts:
        database.execute("CREATE TABLE words (word TEXT PRIMARY KEY, times INTEGER)")
        for outcome in counts:
            if outcome.value is None:
                # What failed in an earlier stage comes with the item of that stage; here, with a path.
                what = outcome.item if outcome.stage else "a text"
                where, why = outcome.stage or count.__name__, type(outcome.error).__name__
                print(f"skipped {what}: {where}() raised {why}", file=sys.stderr)
                continue
            database.executemany(
                "INSERT INTO words VALUES (?, ?) ON CONFLICT DO UPDATE SET times = times + excluded.times",
                outcome.value.items(),
            )
        for word, times in database.execute("SELECT word, times FROM words ORDER BY times DESC, word LIMIT 5"):
            print(f"{times:6,}  {word}")
    print(f"read {texts.stats.succeeded} files, counted {counts.stats.succeeded}, failed {counts.stats.failed}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))

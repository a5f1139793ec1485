"""Read and hash every source file of Python's own standard library, one way after the other.

    python examples/demo.py            # the standard library of this interpreter
    python examples/demo.py FOLDER     # every *.py file below FOLDER

Offline. Every way must give the very answer of a plain loop; if one does not, it is named and the exit code is 1.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import iobound

ROUNDS = 5
"""Cached files: every way runs this often, in turns; the round with the median time is shown."""
LATE = 0.005
"""Seconds that each read waits first, to play a network disk."""
LATE_FILES = 200

Fingerprint = tuple[int, str]
Way = Callable[[list[Path], "ThreadCount"], list[Fingerprint]]


class ThreadCount:
    """A hook: how many threads this process had while calls started. A plain loop calls no hook and needs one."""

    def __init__(self) -> None:
        self.peak = 1

    def started(self, _attempt: object) -> None:
        """A call starts, in the thread that makes it."""
        self.peak = max(self.peak, threading.active_count())


class Row(NamedTuple):
    """What one round of one way took. Rows sort by time."""

    seconds: float
    cpu: float
    threads: int


def fingerprint(path: Path) -> Fingerprint:
    """The work: read one file; how many bytes it has, and their hash."""
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def fingerprint_late(path: Path) -> Fingerprint:
    """The same on storage that makes every read wait. Simulated, by sleeping."""
    time.sleep(LATE)
    return fingerprint(path)


def ways(work: Callable[[Path], Fingerprint]) -> dict[str, Way]:
    """The ways to do `work` for many files; the first is the one that all are compared with."""

    async def in_coroutine(path: Path) -> Fingerprint:
        return work(path)  # never awaits: the loop stands still meanwhile, as it does for any blocking call

    async def beside_loop(path: Path) -> Fingerprint:
        return await asyncio.to_thread(work, path)

    def engine(fn: Callable[[Path], Any], **options: Any) -> Way:
        return lambda files, count: list(iobound.map(fn, files, hooks=[count], **options))

    return {
        "a plain loop": lambda files, _count: [work(file) for file in files],
        'model="serial"': engine(work, model="serial"),
        'model="threads", 2': engine(work, model="threads", concurrency=2),
        'model="threads", 32': engine(work, model="threads", concurrency=32),
        'model="asyncio", blocking read': engine(in_coroutine, model="asyncio", concurrency=32),
        'model="asyncio", to_thread, 32': engine(beside_loop, model="asyncio", concurrency=32),
    }


def measure(way: Way, files: list[Path]) -> tuple[Row, list[Fingerprint]]:
    """One round: what it took, and its answer."""
    count = ThreadCount()
    wall, cpu = time.perf_counter(), time.process_time()
    answer = way(files, count)
    return Row(time.perf_counter() - wall, time.process_time() - cpu, count.peak), answer


def compare(title: str, work: Callable[[Path], Fingerprint], files: list[Path], rounds: int) -> list[str]:
    """Print one table. Returns the ways whose answer was not that of the plain loop."""
    right = [fingerprint(file) for file in files]  # reads every file once: from here on all are cached
    megabytes = sum(size for size, _ in right) / 1e6
    rows: dict[str, list[Row]] = {name: [] for name in ways(work)}
    wrong = set[str]()
    for _ in range(rounds):
        for name, way in ways(work).items():
            row, answer = measure(way, files)
            rows[name].append(row)
            if answer != right:
                wrong.add(name)
    print(f"\n{title}: {len(files):,} files, {megabytes:.1f} MB\n")
    print(f"{'':32}{'seconds':>9}{'CPU s':>9}{'MB/s':>9}{'x plain loop':>14}{'threads':>9}  answer")
    base = sorted(rows["a plain loop"])[rounds // 2].seconds
    for name, measured in rows.items():
        seconds, cpu, threads = sorted(measured)[rounds // 2]
        verdict = "WRONG" if name in wrong else "same"
        speed = f"{megabytes / seconds:>9.0f}{base / seconds:>13.2f}x"
        print(f"{name:32}{seconds:>9.3f}{cpu:>9.3f}{speed}{threads:>9}  {verdict}")
    return [name for name in rows if name in wrong]


def main(folder: str | None = None) -> int:
    """Both tables, how to read them, and what to try next. Returns the exit code."""
    root = Path(folder or sysconfig.get_path("stdlib"))
    files = sorted(file for file in root.rglob("*.py") if "site-packages" not in file.parts and file.is_file())
    if not files:
        print(f"no *.py files below {root}", file=sys.stderr)
        return 1
    print(f"iobound {iobound.__version__} on Python {sys.version.split()[0]}. Files below {root}")
    print("Each is read and hashed (SHA-256). One pass over all files goes first: every row reads from the cache.")
    wrong = compare(f"As they are (median of {ROUNDS} rounds)", fingerprint, files, ROUNDS)
    late = f"Each read {1000 * LATE:.0f} ms late (simulated by sleeping; one round)"
    wrong += compare(late, fingerprint_late, files[:LATE_FILES], rounds=1)
    print("\nAbove 1.00x is faster than the plain loop. Small cached files: the plain loop wins, for nothing ever")
    print("waits; where storage waits, threads pay, and a blocking call inside a coroutine gains nothing at all.")
    print("\nNext: python examples/demo.py FOLDER   python examples/http_loopback.py   docs/tutorial.md")
    if wrong:
        print(f"\nWRONG ANSWER from: {'; '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

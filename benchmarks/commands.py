"""What the command line costs as a whole process, beside the tools that people use: `iobound hash`, `iobound --help`.

Everything: `python benchmarks/commands.py`
Does it run? (nothing is claimed): `python benchmarks/commands.py --quick`

Run by the environment that has the extra `cli`. Every sample is one command line, from its start to its end; files are
in the page cache.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bars import Sample, at_most, faster
from command import request
from protocol import HERE, Plan, Program, Table, measure
from report import machine_box, publish_tables

LARGE, LARGE_BYTES = 200, 4 << 20
SMALL, SMALL_BYTES = 20_000, 4 << 10
IOBOUND = f"'{sys.executable}' -m iobound"


def shell(line: str, folder: Path) -> Sample:
    """Run a command line once: wall time, and CPU time of all its processes."""
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent / "src")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(line, shell=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)  # noqa: S602
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_ms": 1e3 * wall, "cpu_ms": 1e3 * cpu, "python": sys.version.split()[0]}


def programs(folder: Path, **lines: str) -> dict[str, Program]:
    """Command lines, each by the name of its row."""
    return {name.replace("_", " "): partial(shell, line, folder) for name, line in lines.items()}


def files(folder: Path, count: int, size: int) -> None:
    """Files of random bytes."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}").write_bytes(os.urandom(size))


def large_files(scratch: Path, plan: Plan) -> Table:
    """Where reading and hashing let go of the GIL, threads use every core."""
    count = LARGE // plan.shrink
    files(scratch / "large", count, LARGE_BYTES)
    rows = programs(
        scratch,
        sha256sum="sha256sum large/*",
        xargs_P2="find large -type f | xargs -P 2 -n 20 sha256sum",
        iobound_hash=f"{IOBOUND} hash large --model threads -c 2 -q",
    )
    bars = [*faster("iobound hash", "sha256sum", 0.9, "wall_ms"), *faster("iobound hash", "xargs P2", 0.9, "wall_ms")]
    return Table(f"{count} files of 4 MiB", rows, "sha256sum", ("wall_ms", "cpu_ms"), bars)


def small_files(scratch: Path, plan: Plan) -> Table:
    """Where nothing waits, one after the other; the start of the interpreter is in the figure."""
    count = plan.items(SMALL)
    files(scratch / "small", count, SMALL_BYTES)
    rows = programs(
        scratch,
        sha256sum="find small -type f | xargs sha256sum",
        iobound_hash=f"{IOBOUND} hash small --model serial -q",
    )
    bars = faster("iobound hash", "sha256sum", 0.4, "wall_ms")
    return Table(f"{count:,} files of 4 KiB", rows, "sha256sum", ("wall_ms", "cpu_ms"), bars)


def start(scratch: Path, _plan: Plan) -> Table:
    """The help, beside an interpreter that does nothing."""
    rows = programs(scratch, bare_interpreter=f"'{sys.executable}' -c ''", iobound_help=f"{IOBOUND} --help")
    return Table("start", rows, "bare interpreter", ("cpu_ms", "wall_ms"), at_most("iobound help", 100, "cpu_ms"))


SECTIONS: dict[str, Callable[[Path, Plan], Table]] = {"large": large_files, "small": small_files, "start": start}


def tables(sections: list[str], plan: Plan) -> Iterator[tuple[str, Table]]:
    """Each with its files, which are gone when the next one comes."""
    for section in sections:
        with tempfile.TemporaryDirectory(prefix="iobound-bench-") as scratch:
            yield section, SECTIONS[section](Path(scratch), plan)


def main() -> int:
    """Measure, publish, and fail if a command did."""
    asked = request(__doc__, SECTIONS)
    failed = False
    for section, table in tables(asked.sections, asked.plan):
        box = machine_box()
        measured = measure(table, asked.plan)
        publish_tables(f"commands-{section}", f"Commands: {section}", [measured], box)
        failed |= bool(measured.failed)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

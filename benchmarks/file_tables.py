"""The tables about files in the page cache: where nothing waits, and all is overhead."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bars import at_most_times, faster
from contestants import Spec
from protocol import Table

if TYPE_CHECKING:
    from tables import Setting

CPU = ("cpu_us",)
WALL = ("wall_us",)
BOTH = ("cpu_us", "wall_us")
SMALL, LARGE = (20_000, 4_096), (2_000, 262_144)
"""How many files, and of how many bytes."""


@contextmanager
def folder_of(count: int, size: int) -> Iterator[str]:
    """So many files, which have just been written, and so are in the cache."""
    with tempfile.TemporaryDirectory(prefix="iobound-bench-") as folder:
        for number in range(count):
            (Path(folder) / f"{number:05d}").write_bytes(bytes(size))
        yield folder


def cached_files(setting: "Setting") -> Iterator[Table]:
    """Read cached files: serially, as a plain loop does, and as whoever says nothing gets it."""
    count = setting.plan.items(SMALL[0])
    with folder_of(count, SMALL[1]) as folder:
        yield serial_files(setting, count, folder)
        yield small_files(setting, count, folder)
    count = setting.plan.items(LARGE[0])
    with folder_of(count, LARGE[1]) as folder:
        yield large_files(setting, count, folder)


def serial_files(setting: "Setting", count: int, folder: str) -> Table:
    """Small ones, by `model="serial"`."""
    serial = Spec("iobound", "read", SMALL[0], 1, model="serial", folder=folder)
    collect = replace(serial, options={"errors": "collect"})
    specs = {
        "sequential": replace(serial, program="sequential"),
        "raise, list": serial,
        "raise, generator": replace(serial, source="generator"),
        "collect, list": collect,
        "collect, generator": replace(collect, source="generator"),
    }
    bars = [
        *at_most_times("raise, list", "sequential", 1.3, *CPU),
        *at_most_times("raise, generator", "sequential", 1.3, *CPU),
        *at_most_times("collect, list", "sequential", 1.4, *CPU),
        *at_most_times("collect, generator", "sequential", 1.4, *CPU),
    ]
    return Table(f"serial, {count:,} cached files of 4 KiB", setting.programs(specs), "sequential", BOTH, bars)


def small_files(setting: "Setting", count: int, folder: str) -> Table:
    """Small ones, with no options, beside what people use instead."""
    plain = Spec("iobound", "read", SMALL[0], 32, model="auto", folder=folder)
    collect = replace(plain, options={"errors": "collect"})
    specs = {
        "sequential": replace(plain, program="sequential"),
        "no options": plain,
        "collect": collect,
        "as completed": replace(plain, options={"ordered": False}),
        "from async code": replace(plain, consumer="async"),
        "ThreadPoolExecutor(32).map": replace(plain, program="executor_map"),
        "aiofiles": replace(plain, program="gather", work="read_aiofiles", consumer="async"),
    }
    bars = [
        *at_most_times("no options", "sequential", 1.3, *WALL),
        *at_most_times("collect", "sequential", 1.4, *WALL),
        *at_most_times("from async code", "sequential", 3.2, *WALL),
        *faster("no options", "ThreadPoolExecutor(32).map", 6, *WALL),
        *faster("no options", "aiofiles", 15, *WALL),
    ]
    return Table(f"no options, {count:,} cached files of 4 KiB", setting.programs(specs), "sequential", BOTH, bars)


def large_files(setting: "Setting", count: int, folder: str) -> Table:
    """Larger ones, where two threads may copy at the same time."""
    plain = Spec("iobound", "read", LARGE[0], 32, model="auto", folder=folder)
    specs = {
        "sequential": replace(plain, program="sequential"),
        "no options": plain,
        'model="threads"': replace(plain, model="threads"),
    }
    bars = at_most_times("no options", "sequential", 0.8, *WALL)
    return Table(f"no options, {count:,} cached files of 256 KiB", setting.programs(specs), "sequential", BOTH, bars)

"""What iobound needs of memory: for an item that waits, and while very many items pass through.

Everything: `python benchmarks/memory.py`
Does it run? (nothing is claimed): `python benchmarks/memory.py --quick`
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bars import Sample, at_most
from command import request
from protocol import HERE, Plan, Program, Table, child, measure
from report import machine_box, page, publish, publish_tables, rows

WAITING, THREADS = 10_000, 1_000
LAZY = 10_000_000
FLAT_MIB = 2.0
LAZY_HEAD = ["model", "source", "Python", "MiB at 50,000", "growth at the end", "highest growth", "verdict"]


def resident(python: Path, weigh: str, timeout: float = 120, **task: Any) -> Program:
    """A program that weighs itself in a fresh process."""
    script = str(HERE / "residents.py")
    return partial(child, python, script, json.dumps({"weigh": weigh, **task}), timeout=timeout)


def waiting_table(python: Path, items: int) -> Table:
    """Items in flight at once on asyncio, beside bare tasks and bare threads that wait."""
    threads = min(items, THREADS)
    programs = {
        "bare task": resident(python, "waiting", kind="tasks", items=items),
        "iobound": resident(python, "waiting", kind="iobound", items=items),
        "bare thread": resident(python, "waiting", kind="threads", items=threads),
    }
    notes = f"Threads: {threads:,} of them. A thread takes kernel memory too, which is not in this figure."
    bars = at_most("iobound", 3, "kib")
    return Table(f"{items:,} waiting", programs, "bare task", ("kib",), bars, notes=notes)


def measure_waiting(python: Path, plan: Plan) -> bool:
    """Measure and publish the waiting items; return whether all went well."""
    box = machine_box()
    measured = measure(waiting_table(python, plan.items(WAITING)), plan)
    publish_tables("memory-waiting", "Memory: an item that waits", [measured], box)
    return not measured.failed


def lazy_row(name: list[str], sample: Sample | Exception) -> list[str]:
    """One run that many items passed through."""
    if isinstance(sample, Exception):
        return [*name, "-", f"*failed: {sample}*", "-", "-", "-"]
    growth = max(sample["growth_mib"], sample["highest_mib"])
    figures = [f"{sample[metric]:.2f}" for metric in ("early_mib", "growth_mib", "highest_mib")]
    return [*name, sample["python"], *figures, "met" if growth < FLAT_MIB else "missed"]


def attempt(program: Program) -> Sample | Exception:
    """Run a program once; a failure is a row of its own."""
    try:
        return program()
    except Exception as error:  # noqa: BLE001 - whatever broke it, it becomes a row
        return error


def measure_lazy(python: Path, plan: Plan) -> bool:
    """Let items pass through every model from every source, once each: memory is counted, not timed."""
    box, items, trial = machine_box(), plan.items(LAZY), plan.shrink > 1
    lines = [LAZY_HEAD]
    samples: dict[str, Any] = {}
    for model in ("threads", "asyncio", "serial"):
        for source in ("range", "generator"):
            print(f"lazy: {model}, {source}", file=sys.stderr, flush=True)
            sample = attempt(resident(python, "lazy", timeout=900, model=model, source=source, items=items))
            samples[f"{model}, {source}"] = str(sample) if isinstance(sample, Exception) else sample
            lines.append(lazy_row([model, source], sample))
    bar = f"Bar: memory is flat, never {FLAT_MIB:g} MiB more than after the first 50,000 results."
    text = page("Memory: lazy items", box, [f"## {items:,} lazy items", rows(lines), bar], trial)
    pythons = {sample["python"] for sample in samples.values() if isinstance(sample, dict)}
    version = ".".join(min(pythons, default="none").split(".")[:2])
    publish(f"memory-lazy-py{version}", text, {"box": box, "samples": samples}, trial)
    return len(pythons) > 0 and all(isinstance(sample, dict) for sample in samples.values())


SECTIONS: dict[str, Callable[[Path, Plan], bool]] = {"waiting": measure_waiting, "lazy": measure_lazy}


def main() -> int:
    """Run the sections asked for; the exit code is 1 if a program failed, whatever the verdicts are."""
    asked = request(__doc__, SECTIONS)
    good = [SECTIONS[name](asked.python, asked.plan) for name in asked.sections]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())

"""What iobound needs of memory: for an item that waits, and while very many items pass through.

Everything: `python benchmarks/memory.py`
Does it run? (nothing is claimed): `python benchmarks/memory.py --quick`
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from bars import Sample, at_most
from protocol import HERE, LEAST_ROUNDS, Plan, Program, Table, child, measure
from report import machine_box, page, publish, publish_tables, rows

WAITING, THREADS = 10_000, 1_000
LAZY, LAZY_QUICK = 10_000_000, 1_000_000
FLAT_MIB = 2.0
SECTIONS = ("waiting", "lazy")


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
    return Table(f"{items:,} waiting", programs, "bare task", ("kib",), at_most("iobound", 3, "kib"), notes=notes)


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
    except Exception as error:
        return error


def measure_lazy(python: Path, quick: bool) -> bool:
    """Let items pass through every model from every source, once each: memory is counted, not timed."""
    box, items = machine_box(), LAZY_QUICK if quick else LAZY
    lines = [["model", "source", "Python", "MiB after 50,000", "growth at the end", "highest growth", "verdict"]]
    samples: dict[str, Any] = {}
    for model in ("threads", "asyncio", "serial"):
        for source in ("range", "generator"):
            print(f"lazy: {model}, {source}", file=sys.stderr, flush=True)
            sample = attempt(resident(python, "lazy", timeout=900, model=model, source=source, items=items))
            samples[f"{model}, {source}"] = str(sample) if isinstance(sample, Exception) else sample
            lines.append(lazy_row([model, source], sample))
    bar = f"Bar: memory is flat, less than {FLAT_MIB:g} MiB more than after the first 50,000 results at any later time."
    text = page("Memory: lazy items", box, [f"## {items:,} lazy items", rows(lines), bar], quick)
    pythons = {sample["python"] for sample in samples.values() if isinstance(sample, dict)}
    version = ".".join(min(pythons, default="none").split(".")[:2])
    publish(f"memory-lazy-py{version}", text, {"box": box, "samples": samples}, quick)
    return len(pythons) > 0 and all(isinstance(sample, dict) for sample in samples.values())


def main() -> int:
    """Run the sections asked for; the exit code is 1 if a program failed, whatever the verdicts are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, metavar="N", help=f"at least this many (default {LEAST_ROUNDS})")
    parser.add_argument("--only", choices=SECTIONS)
    parser.add_argument("--quick", action="store_true", help="3 rounds of a tenth of the work")
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="the interpreter to measure")
    given = parser.parse_args()
    plan = Plan(given.rounds or (3 if given.quick else LEAST_ROUNDS), shrink=10 if given.quick else 1)
    good = True
    if given.only != "lazy":
        good = measure_waiting(given.python, plan)
    if given.only != "waiting":
        good = measure_lazy(given.python, given.quick) and good
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())

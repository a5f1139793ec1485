"""What iobound costs per item, beside hand-written loops and beside its peers.

Everything, by the full protocol: `python benchmarks/overhead.py`
Does it run? (nothing is claimed): `python benchmarks/overhead.py --only threads --quick`
"""

import argparse
import sys
from pathlib import Path

from protocol import LEAST_ROUNDS, Measured, Plan, measure
from report import machine_box, publish_tables
from tables import PEERS, SECTIONS, Setting


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, metavar="N", help=f"at least this many (default {LEAST_ROUNDS})")
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="3 rounds of a tenth of the work")
    parser.add_argument("--python", type=Path, help="the interpreter to measure (default: that of the peers)")
    return parser.parse_args()


def interpreter(wanted: Path | None) -> Path:
    """The interpreter to measure: without the peers' environment this one, and their rows say *not installed*."""
    if wanted or PEERS.exists():
        return wanted or PEERS
    print("peers are not installed: run benchmarks/peers.sh", file=sys.stderr)
    return Path(sys.executable)


def run_section(name: str, setting: Setting) -> list[Measured]:
    """Measure and publish one section."""
    box = machine_box()
    tables = [measure(table, setting.plan) for table in SECTIONS[name](setting)]
    publish_tables(f"overhead-{name}", f"Overhead: {name}", tables, box)
    return tables


def main() -> int:
    """Run the sections asked for; the exit code is 1 if a program failed, whatever the verdicts are."""
    given = arguments()
    plan = Plan(given.rounds or (3 if given.quick else LEAST_ROUNDS), shrink=10 if given.quick else 1)
    setting = Setting(interpreter(given.python), plan)
    tables = [table for name in given.only or SECTIONS for table in run_section(name, setting)]
    return int(any(table.failed for table in tables))


if __name__ == "__main__":
    sys.exit(main())

"""What iobound costs per item, beside hand-written loops and beside its peers.

Everything, by the full protocol: `python benchmarks/overhead.py`
Does it run? (nothing is claimed): `python benchmarks/overhead.py --only threads --quick`
"""

import sys

from command import request
from protocol import Measured, measure
from report import machine_box, publish_tables
from tables import SECTIONS, Setting


def run_section(name: str, setting: Setting) -> list[Measured]:
    """Measure and publish one section."""
    box = machine_box()
    tables = [measure(table, setting.plan) for table in SECTIONS[name](setting)]
    publish_tables(f"overhead-{name}", f"Overhead: {name}", tables, box)
    return tables


def main() -> int:
    """Run the sections asked for; the exit code is 1 if a program failed, whatever the verdicts are."""
    asked = request(__doc__, SECTIONS)
    setting = Setting(asked.python, asked.plan)
    tables = [table for name in asked.sections for table in run_section(name, setting)]
    return int(any(table.failed for table in tables))


if __name__ == "__main__":
    sys.exit(main())

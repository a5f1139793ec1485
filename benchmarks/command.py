"""The command line that the measuring scripts share."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from protocol import HERE, LEAST_ROUNDS, Plan

PEERS = HERE.parent / ".bench" / "peers" / "bin" / "python"
QUICK_ROUNDS, QUICK_SHRINK = 3, 10


@dataclass(frozen=True)
class Request:
    """What was asked for: sections, how thoroughly, and on which interpreter."""

    sections: list[str]
    plan: Plan
    python: Path


def request(about: str | None, sections: Iterable[str]) -> Request:
    """Read the command line."""
    names = list(sections)
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--rounds", type=int, metavar="N", help=f"at least this many (default {LEAST_ROUNDS})")
    add("--only", action="append", choices=names, metavar="SECTION", help=", ".join(names) + "; repeatable")
    add("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds of a tenth of the work: claims nothing")
    add("--python", type=Path, help="the interpreter to measure (default: one that has the peers)")
    given = parser.parse_args()
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else LEAST_ROUNDS)
    plan = Plan(rounds, shrink=QUICK_SHRINK if given.quick else 1)
    return Request(given.only or names, plan, given.python or interpreter())


def interpreter() -> Path:
    """Choose this interpreter if it has the peers, else theirs, else this one with rows *not installed*."""
    if find_spec("aiometer") or not PEERS.exists():
        return Path(sys.executable)
    return PEERS

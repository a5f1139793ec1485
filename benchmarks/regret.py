"""How far `iobound.map(fn, items)` with no options is from the best model and concurrency that a search finds.

Everything, at most 100 minutes: `python benchmarks/regret.py --full`
What is missing of it, after it was broken off: `python benchmarks/regret.py --full --resume`
One workload, by the same protocol; its row replaces the old one: `python benchmarks/regret.py --only slots`
Does it run? (nothing is claimed): `python benchmarks/regret.py --quick`
For tuning, a line for each: `python benchmarks/regret.py --only slots --rounds 2 --seconds 4 --tree ../other/src`

Run by the environment that has aiohttp. joblib's rows run on this interpreter, or on that of `peers.sh`.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from bars import Bar, Sample
from command import PEERS
from commands import files
from oracle import Candidate, Found, best_of, candidate, candidates, halve, together
from protocol import HERE, SOURCE, AbsentError, LateError, Measured, Program, QuietGate, Table, child
from regret_table import line_of, merge, publish_table, stored
from report import commit, machine_box, samples_of
from slow_storage import available
from zoo import QUICK, ZOO, Errand, Workload, turns_per_millisecond
from zoo_sample import ASYNC_PEERS, PLAIN_PEERS

ROUNDS, SECONDS, CALLS = 5, 10.0, 60
"""At least so many rounds; a run lasts under the oracle so many seconds, or so many call times if that is longer."""
CUT = 2
"""A run that takes so many times as long is cut short."""
PEER_SHARE = 3
"""Other libraries get one part in so many of the work, and the time that the oracle needs for all of it."""
PATIENCE = 3.0
"""How long the quiet gate may hold up a workload in all, in terms of such a run."""
START = 20
"""Seconds that a sample may need beside its run: to start, to make a server, to stop."""
SCRIPT = str(HERE / "zoo_sample.py")


@dataclass(frozen=True)
class Setting:
    """What all workloads share."""

    rounds: int = ROUNDS
    seconds: float = SECONDS
    slices: float = 1.0
    """The search is so many times as long."""
    peers: bool = True
    tree: Path = SOURCE
    spin: int = 0
    fuse: bool = False
    finalists: tuple[Candidate, ...] = ()
    """Instead of a search."""

    @property
    def trial(self) -> bool:
        """Too few rounds or too little work for a claim: nothing is written down."""
        return self.rounds < ROUNDS or self.seconds < SECONDS or self.tree != SOURCE or bool(self.finalists)

    def lasts(self, workload: Workload) -> float:
        """Seconds of a whole run under the oracle."""
        return max(SECONDS, CALLS * workload.call) * self.seconds / SECONDS


class Trials:
    """The samples of one workload."""

    def __init__(self, name: str, setting: Setting, folder: str) -> None:
        self.workload, self.setting = ZOO[name], setting
        self.errand = Errand(name, "auto", 0, 0, 0.0, setting.spin, folder, setting.fuse)
        self.gate = QuietGate(PATIENCE * setting.seconds)

    def do(self, errand: Errand, python: str = sys.executable) -> Sample:
        """One errand, in a fresh process."""
        order, timeout = json.dumps(asdict(errand)), errand.seconds + START
        return child(python, SCRIPT, order, timeout=timeout, source=self.setting.tree)

    def trial(self, each: Candidate, seconds: float) -> float:
        """A candidate's goodput in a short time; none if it broke."""
        self.gate.wait()
        halves = (1, 2) if self.workload.changes else (0,)
        errand = replace(self.errand, program=each.model, concurrency=each.concurrency, seconds=seconds / len(halves))
        try:
            return together([self.do(replace(errand, half=half))["whole"] for half in halves])
        except RuntimeError as error:
            print(f"{each}: {error}", file=sys.stderr, flush=True)
            return 0.0

    def search(self) -> Found:
        """The two best candidates."""
        field = self.setting.finalists or candidates(self.workload.asynchronous)
        found = halve(field, self.trial, self.workload.slice * self.setting.slices)
        if not found[0][1]:
            raise RuntimeError("no candidate gave a result")
        return found

    def fresh(self, found: Found) -> Measured:
        """Auto and the two best, interleaved."""
        seconds = self.setting.lasts(self.workload)
        items = max(2, round(found[0][1] * seconds))
        errand = replace(self.errand, items=items, seconds=CUT * seconds)
        programs: dict[str, Program] = {"auto": partial(self.do, errand)}
        for each, _ in found:
            ordered = replace(errand, program=each.model, concurrency=each.concurrency)
            programs[str(each)] = partial(self.do, ordered)
        table = Table(self.errand.workload, programs, str(found[0][0]), ("whole", "second"))
        measured = Measured(table, self.setting.trial, gate=self.gate)
        measured.play(programs.keys(), self.setting.rounds)
        return measured

    def beside(self, goodput: float) -> dict[str, float | str]:
        """The defaults of others, as shares of the oracle's goodput: once, on a third of the work."""
        if not self.setting.peers:
            return {}
        seconds = self.setting.lasts(self.workload)
        errand = replace(self.errand, items=max(2, round(goodput * seconds / PEER_SHARE)), seconds=seconds)
        names = ASYNC_PEERS if self.workload.asynchronous else PLAIN_PEERS
        return {name: self._peer(replace(errand, program=name), goodput) for name in names}

    def _peer(self, errand: Errand, goodput: float) -> float | str:
        python = PEERS if errand.program == "joblib" and not find_spec("joblib") else sys.executable
        self.gate.wait()
        try:
            return float(self.do(errand, str(python))["whole"]) / goodput
        except AbsentError as reason:
            return str(reason)
        except LateError:
            return f"< 1/{PEER_SHARE}"
        except RuntimeError as error:
            print(f"{errand.program}: {error}", file=sys.stderr, flush=True)
            return "failed"


def measured_workload(name: str, setting: Setting) -> dict[str, Any]:
    """Everything there is to tell about one workload."""
    workload, box = ZOO[name], machine_box()
    with tempfile.TemporaryDirectory(prefix="iobound-bench-") as scratch:
        folder = Path(scratch) / "files"
        if workload.files:
            files(folder, *workload.files)
        trials = Trials(name, setting, str(folder))
        found = trials.search()
        measured = trials.fresh(found)
        sound = [str(each) for each, _ in found if str(each) not in measured.absent]
        if "auto" in measured.absent or not sound:
            raise RuntimeError(f"not measured: {measured.absent}")
        good = {each: [sample["whole"] for sample in measured.samples(each)] for each in sound}
        best = best_of(good)
        peers = trials.beside(median(good[best]))
    ratios = {part: measured.values(Bar("auto", part, 0, base=best)) for part in ("whole", "second")}
    return {
        "about": about(name, setting),
        "box": box,
        "oracle": best,
        "search": [(str(each), goodput) for each, goodput in found],
        "ratios": ratios,
        "peers": peers,
        "samples": {each: samples_of(measured, each) for each in ("auto", *good)},
    }


def about(name: str, setting: Setting) -> str:
    """A workload in words, with what stands for slow storage."""
    text = ZOO[name].about
    return f"{text} ({'FUSE' if setting.fuse else 'a sleep before'})" if name.startswith("storage") else text


def run(names: Sequence[str], setting: Setting) -> int:
    """Measure workloads; each is kept as soon as it is done. How many failed."""
    setting = replace(setting, spin=turns_per_millisecond(), fuse=available())
    records: dict[str, Any] = {}
    failed = 0
    for name in names:
        try:
            records[name] = measured_workload(name, setting)
        except (RuntimeError, AbsentError) as error:
            failed += 1
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            continue
        print(line_of(name, records[name]), flush=True)
        if not setting.trial:
            merge({name: records[name]})
    publish_table(records if setting.trial else stored(), setting.trial)
    return failed


def asked() -> tuple[Collection[str], Setting]:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--full", action="store_true", help="every workload")
    add("--resume", action="store_true", help="only those that have no result of this commit")
    add("--quick", action="store_true", help=f"{len(QUICK)} workloads, one short round: claims nothing")
    add("--only", action="append", choices=ZOO, metavar="NAME", help=", ".join(ZOO) + "; repeatable")
    add("--rounds", type=int, metavar="N", help=f"default {ROUNDS}; fewer claim nothing")
    add(
        "--seconds",
        type=float,
        metavar="S",
        help=f"of a run under the oracle; default {SECONDS:g}, less claims nothing",
    )
    add(
        "--tree",
        type=Path,
        metavar="SRC",
        default=SOURCE,
        help="measure the iobound of another work tree: claims nothing",
    )
    add(
        "--oracle", action="append", type=candidate, metavar="MODEL N", help="such as 'threads 32', instead of a search"
    )
    add("--no-peers", action="store_true", help="without the defaults of other libraries")
    given = parser.parse_args()
    if not (given.full or given.quick or given.only):
        parser.error("say --full, --quick or --only NAME")
    setting = Setting(
        rounds=given.rounds or (1 if given.quick else ROUNDS),
        seconds=given.seconds or (3.0 if given.quick else SECONDS),
        slices=0.4 if given.quick else 1.0,
        peers=not given.no_peers,
        tree=given.tree.resolve(),
        finalists=tuple(given.oracle or ()),
    )
    names = given.only or (QUICK if given.quick else list(ZOO))
    if given.resume:
        here = commit().rstrip("+")  # the results themselves are a change of the work tree
        done = {name for name, record in stored().items() if record["box"]["commit"].rstrip("+") == here}
        names = [name for name in names if name not in done]
    return names, setting


if __name__ == "__main__":
    sys.exit(int(run(*asked()) > 0))

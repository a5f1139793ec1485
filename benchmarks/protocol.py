"""How a figure is made: fresh processes in interleaved, order-reversed rounds after a quiet gate.

Nothing here knows what is measured: a program is a callable that returns one sample. `README.md` says the
rules in plain words, `bars.py` judges, and `report.py` prints what comes out.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bars import Bar, Interval, Relation, Sample, bootstrap, judge, relate

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
LEAST_ROUNDS, MOST_ROUNDS, MORE_ROUNDS = 11, 41, 10
QUIET_CORES, QUIET_TRIES, QUIET_STEP = 0.4, 20, 0.1

Program = Callable[[], Sample]


class AbsentError(Exception):
    """The program cannot run here: its peer or its interpreter is not installed."""


class LateError(RuntimeError):
    """The program was not done in time."""


@dataclass(frozen=True)
class Table:
    """Programs that are compared with each other, and the bars they are held to."""

    title: str
    programs: Mapping[str, Program]
    base: str
    metrics: tuple[str, ...]
    bars: Collection[Bar] = ()
    relation: Relation = "ratio"
    notes: str = ""

    @property
    def twin(self) -> str:
        """The base once more: how far two runs of the very same program lie apart."""
        return f"{self.base} (again)"

    @property
    def everyone(self) -> dict[str, Program]:
        """All programs, the base first and its twin last: reversing the order treats both alike."""
        return {**self.programs, self.twin: self.programs[self.base]}


@dataclass(frozen=True)
class Plan:
    """How many rounds, and how much smaller the work is in a quick run."""

    rounds: int = LEAST_ROUNDS
    shrink: int = 1

    @property
    def trial(self) -> bool:
        """Too few rounds or too little work for a claim: nothing is written down."""
        return self.rounds < LEAST_ROUNDS or self.shrink > 1

    @property
    def most(self) -> int:
        """The rounds to stop at, even if a bar is still undecided."""
        return self.rounds if self.trial else max(MOST_ROUNDS, self.rounds)

    def items(self, count: int) -> int:
        """How many items to run instead of `count`."""
        return max(count // self.shrink, 1_000)


class Machine:
    """What others take from this machine, in cores; 0 where the system does not tell (only Linux does)."""

    def __init__(self) -> None:
        self.before = self._read()

    def others(self) -> float:
        """The cores that others kept busy since the last call."""
        elapsed, busy, own = self._since()
        return max(0.0, (busy - own) / elapsed)

    def busy(self) -> float:
        """The cores that were kept busy, by whomever, since the last call."""
        elapsed, busy, _own = self._since()
        return busy / elapsed

    def _since(self) -> tuple[float, float, float]:
        before, self.before = self.before, self._read()
        elapsed, busy, own = (now - then for now, then in zip(self.before, before, strict=True))
        return elapsed, busy, own

    @staticmethod
    def _read() -> tuple[float, float, float]:
        own = sum(os.times()[:4])
        try:
            jiffies = Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=9)[1:9]
        except OSError:
            return time.monotonic(), own, own
        user, nice, system, _idle, _iowait, *interrupts = map(int, jiffies)
        return time.monotonic(), (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK"), own


class QuietGate:
    """Holds a sample back until a tenth of a second is quiet: 2 s at most, `patience` in all for a table."""

    def __init__(self, patience: float = 60.0) -> None:
        self.patience = patience
        self.waited = 0.0

    def wait(self) -> None:
        """Return when others take less than 40 % of one core, or when patience is used up."""
        machine = Machine()
        for _ in range(QUIET_TRIES):
            if self.waited >= self.patience:
                return
            time.sleep(QUIET_STEP)
            self.waited += QUIET_STEP
            if machine.others() < QUIET_CORES:
                return


@dataclass
class Measured:
    """The samples of one table, round by round."""

    table: Table
    trial: bool = False
    rounds: list[dict[str, Sample]] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)
    gate: QuietGate = field(default_factory=QuietGate)

    @property
    def failed(self) -> bool:
        """Whether a program broke, other than by not being installed."""
        return any(reason.startswith("failed") for reason in self.absent.values())

    def play(self, names: Collection[str], count: int) -> None:
        """Add `count` rounds of the programs `names`, every other one in reversed order."""
        order = [name for name in self.table.everyone if name in names]
        for _ in range(count):
            samples: dict[str, Sample] = {}
            for name in order if len(self.rounds) % 2 == 0 else reversed(order):
                self._sample(name, samples)
            self.rounds.append(samples)
            print(f"{self.table.title}: round {len(self.rounds)}", file=sys.stderr, flush=True)

    def _sample(self, name: str, samples: dict[str, Sample]) -> None:
        if name in self.absent:
            return
        self.gate.wait()
        machine = Machine()
        try:
            sample = self.table.everyone[name]()
        except AbsentError as reason:
            self.absent[name] = str(reason)
        except Exception as error:  # noqa: BLE001 - a broken program is a row that says so; the others go on
            self.absent[name] = f"failed: {error}"
            print(f"{name}: {error}", file=sys.stderr, flush=True)
        else:
            samples[name] = sample | {"others": machine.others()}

    def samples(self, name: str) -> list[Sample]:
        """Every sample of one program."""
        return [samples[name] for samples in self.rounds if name in samples]

    def values(self, bar: Bar) -> list[float]:
        """What each round with all programs of `bar` says about it; nothing if one of them failed."""
        if not bar.programs.isdisjoint(self.absent):
            return []
        return [bar.value(samples) for samples in self.rounds if bar.programs <= samples.keys()]

    def interval(self, bar: Bar) -> Interval | None:
        """The figure that a bar is about."""
        values = self.values(bar)
        return bootstrap(values) if values else None

    def again(self, metric: str, relation: Relation = "ratio") -> Interval | None:
        """The A/A figure: the base's twin against the base."""
        return self.interval(Bar(self.table.twin, metric, 0, self.table.base, relation))

    def verdict(self, bar: Bar) -> tuple[Interval | None, str]:
        """The interval of a bar; and: met, missed, not shown, not claimed, or why there is no verdict."""
        found = self.interval(bar)
        if found is None:
            return None, "not measured"
        if bar.only and not self.samples(bar.subject)[0]["python"].startswith(bar.only):
            return found, f"a bar for {bar.only} only"
        return found, judge(found, bar, self._slack(bar))

    def _slack(self, bar: Bar) -> float:
        """The A/A spread where the bar asks for less than that; else nothing."""
        if bar.base is None or bar.at_least:
            return 0.0
        equal = relate(bar.relation, 1, 1)
        again = self.again(bar.metric, bar.relation)
        spread = max(abs(again.low - equal), abs(again.high - equal)) if again else 0.0
        return spread if abs(bar.limit - equal) < spread else 0.0

    def undecided(self) -> set[str]:
        """The programs that more rounds are needed of."""
        unclear = [bar for bar in self.table.bars if self.verdict(bar)[1] in ("not shown", "not claimed")]
        names = set[str]().union(*(bar.programs for bar in unclear))
        return names | {self.table.base, self.table.twin} if names else names


def measure(table: Table, plan: Plan) -> Measured:
    """All programs for the planned rounds, then those of undecided bars for more, up to `plan.most`."""
    measured = Measured(table, plan.trial)
    measured.play(table.everyone, plan.rounds)
    while len(measured.rounds) < plan.most and (names := measured.undecided()):
        measured.play(names, min(MORE_ROUNDS, plan.most - len(measured.rounds)))
    return measured


def child(python: str | Path, *arguments: str, timeout: float = 120, source: Path = SOURCE) -> Sample:
    """One sample from a fresh interpreter that finds iobound in `source`: its last line of output, as JSON."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = str(source)
    command = [str(python), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)
    except FileNotFoundError:
        raise AbsentError("not installed") from None
    except subprocess.TimeoutExpired:
        raise LateError(f"no result after {timeout:g} s") from None
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1])
    sample: Sample = json.loads(done.stdout.strip().splitlines()[-1])
    if "missing" in sample:
        raise AbsentError("not installed")
    return sample

"""A program in a fresh process: what it is measured by, how it may end, and that nothing of it is left."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from iobound.lab import child, inside, peaks
from iobound.lab.child import CrashedError, NotInstalledError, TimedOutError, measure

MIB = 1 << 20
linux = pytest.mark.skipif(not peaks.PROC, reason="needs /proc")


@pytest.fixture(autouse=True)
def programs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def no_descriptor_left() -> Any:
    before, after = peaks.Peaks(os.getpid()), peaks.Peaks(os.getpid())
    before.look()
    yield
    after.look()
    assert after.descriptors == before.descriptors


def runs(pid: int) -> bool:
    """Whether a process exists and is more than a zombie that waits for `init`."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids: list[int]) -> bool:
    """Whether these processes end, given a moment."""
    until = time.monotonic() + 5
    while any(map(runs, pids)) and time.monotonic() < until:
        time.sleep(0.005)
    return not any(map(runs, pids))


# --- what is measured ---


def test_the_value_comes_back() -> None:
    measured = measure("math:factorial", 20)
    assert measured.value == 2432902008176640000
    assert measured.wall >= 0
    assert measured.cpu >= 0


@linux
def test_threads_and_descriptors_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    look = child.Peaks.look

    def look_and_tell(self: child.Peaks) -> None:
        look(self)
        if (self.threads or 0) >= 21 and (self.descriptors or 0) >= 50:
            seen.touch()

    monkeypatch.setattr(child.Peaks, "look", look_and_tell)
    measured = measure("programs:hold", 20, 50, str(seen))
    assert measured.threads == 21
    streams = 4  # the standard ones, and the one that the report goes to
    assert measured.descriptors is not None
    assert 50 + streams <= measured.descriptors <= 50 + streams + 1  # an import reads one file at a time


@linux
def test_memory_is_that_of_the_child_alone() -> None:
    ballast = bytearray(b"x") * (200 * MIB)
    small, large = measure("programs:fill", 0), measure("programs:fill", 64)
    assert small.memory is not None
    assert large.memory is not None
    assert small.memory < 60 * MIB < len(ballast)
    assert 60 * MIB < large.memory - small.memory < 70 * MIB


def test_cpu_time_is_that_of_the_call() -> None:
    measured = measure("programs:compute", 0.2)
    assert 0.2 <= measured.cpu < 0.3
    assert measured.wall >= 0.19  # two clocks


@linux
def test_the_limit_of_descriptors_is_in_force() -> None:
    measured = measure("programs:open_until_refused", descriptors=100)
    assert measured.descriptor_limit == 100
    assert measured.value == "Too many open files after 96"


def test_a_lower_hard_limit_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    limits = SimpleNamespace(
        RLIMIT_NOFILE=7,
        RLIM_INFINITY=-1,
        getrlimit=lambda _: (64, 256),
        setrlimit=lambda _, pair: asked.append(pair),
    )
    monkeypatch.setattr(inside, "resource", limits)
    assert inside.limited(1024) == 256
    assert inside.limited(100) == 100
    assert asked == [(256, 256), (100, 256)]


def test_without_limits_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "resource", None)
    assert inside.limited(1024) is None


def test_what_the_program_prints_is_not_the_report() -> None:
    assert measure("programs:chatter").value == "the answer"


# --- how it may end ---


def test_a_missing_module_is_named() -> None:
    with pytest.raises(NotInstalledError, match="no_such_module: not installed") as caught:
        measure("math:factorial", 3, needs=["json", "no_such_module"])
    assert caught.value.name == "no_such_module"


@pytest.mark.parametrize(
    "program, told",
    [
        ("programs:raise_value_error", "ValueError: these are no files"),
        ("programs:leave", r"out of luck\n\(exit status 7\)"),
        ("programs:die", r"\(exit status -9\)"),
        ("programs:no_such_function", "no_such_function"),
        ("no_such_program:main", "no_such_program"),
    ],
)
def test_a_crash_is_told(program: str, told: str) -> None:
    with pytest.raises(CrashedError, match=told):
        measure(program)


@linux
def test_a_program_that_hangs_is_killed_with_all_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    clock = SimpleNamespace(monotonic=lambda: 61.0 if started.exists() else 0.0, sleep=time.sleep)
    monkeypatch.setattr(child, "time", clock)
    with pytest.raises(TimedOutError, match="programs:hang was not done after 60 s"):
        measure("programs:hang", str(started))
    assert gone([int(pid) for pid in started.read_text().split()])


@linux
def test_an_interrupt_ends_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"

    def interrupt(self: child.Peaks) -> None:
        if started.exists():
            raise KeyboardInterrupt

    monkeypatch.setattr(child.Peaks, "look", interrupt)
    with pytest.raises(KeyboardInterrupt):
        measure("programs:hang", str(started))
    assert gone([int(pid) for pid in started.read_text().split()])


@linux
def test_an_orphan_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    # A parent that does not look at the time stands for one that was killed.
    monkeypatch.setattr(child, "_watched", lambda orphan, *_: orphan.wait())
    with pytest.raises(CrashedError, match=f"exit status -{signal.SIGALRM}"):
        measure("time:sleep", 100, timeout=1 - inside.GRACE)


# --- the sampler ---


@linux
def test_the_peak_stays_when_the_count_falls() -> None:
    mine = peaks.Peaks(os.getpid())
    mine.look()
    before = mine.descriptors
    assert before is not None
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(10)]
    mine.look()
    for file in files:
        os.close(file)
    mine.look()
    assert mine.descriptors == before + 10


def test_elsewhere_psutil_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psutil")
    monkeypatch.setattr(peaks, "PROC", False)
    mine = peaks.Peaks(os.getpid())
    mine.look()
    assert (mine.threads or 0) >= 1
    assert (mine.descriptors or 0) >= 3


def test_without_any_means_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks, "PROC", False)
    monkeypatch.setattr(peaks, "psutil", None)
    mine = peaks.Peaks(os.getpid())
    mine.look()
    assert (mine.threads, mine.descriptors) == (None, None)


@linux
def test_a_process_that_is_gone_changes_nothing() -> None:
    other = peaks.Peaks(2**22 + 1)  # above the highest id that Linux gives
    other.look()
    assert (other.threads, other.descriptors) == (None, None)

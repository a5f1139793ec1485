"""Promise 5: Ctrl-C ends a program within a second, whatever its run is at, and Python has only that to say.

A program of its own is sent SIGINT at random moments: while all its calls hang, while a run starts, while results
flow, while runs come and go. Quick: ten moments in all, five seconds each. Under IOBOUND_TORTURE=1: fifty for each
world, a second each, and the times are told in the report.
"""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest

import iobound

PROGRAM = Path(__file__).with_name("program.py")
TORTURE = os.environ.get("IOBOUND_TORTURE") == "1"
CEILING = 1.0 if TORTURE else 5.0
GIVEN_UP = 15.0
MOMENTS = 50
SOURCES = str(Path(iobound.__file__).parent.parent)
LOST = "Exception ignored in: <function"
"""What Python says when an interrupt lands in a finaliser, a `__del__` or the callback of a weak reference: it is told
and lost, in any program, wherever these are written in Python. The next one is not."""
LINES = {
    "Traceback (most recent call last):",
    "KeyboardInterrupt",
    # Where a loop is the caller's, `asyncio.run` makes a cancellation of Ctrl-C, and a KeyboardInterrupt of that:
    "asyncio.exceptions.CancelledError",
    "During handling of the above exception, another exception occurred:",
}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGINT can be sent to another program only there")


def worlds() -> Any:
    """`program.py`, as a module: tests are no package."""
    spec = importlib.util.spec_from_file_location("interrupted_program", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WORLDS, PHASES = list(worlds().WORLDS), worlds().PHASES


def interrupted(world: str, phase: str, dev: bool, moment: float) -> float:
    """Seconds from SIGINT to the end of the program; one that Python itself has lost is sent once more."""
    try:
        return interrupted_once(world, phase, dev, moment)
    except subprocess.TimeoutExpired as late:
        if phase != "closing" or LOST not in (late.stderr or b"").decode():
            raise
        return interrupted_once(world, phase, dev, moment)


def interrupted_once(world: str, phase: str, dev: bool, moment: float) -> float:
    """Seconds from SIGINT, sent at this moment of the phase, to the end of the program."""
    mode = ["-X", "dev"] if dev else []
    program = subprocess.Popen(
        [sys.executable, *mode, str(PROGRAM), world, phase],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCES},
    )
    with program:
        try:
            for line in ["started", "busy"] if phase == "hanging" else ["started"]:
                assert program.stdout is not None
                assert program.stdout.readline() == f"{line}\n"
            time.sleep(moment)
            sent = time.monotonic()
            program.send_signal(signal.SIGINT)
            _, said = program.communicate(timeout=GIVEN_UP)
            seconds = time.monotonic() - sent
        finally:
            program.kill()  # does nothing to one that has ended
    assert program.returncode == -signal.SIGINT, said
    assert complaints(said) == [], said
    assert said.splitlines().count("KeyboardInterrupt") == 1, said
    assert said.count("Traceback (most") == 1 + said.count("During handling"), said
    assert "During handling" not in said or world.split(", ")[1] in {"async for", "async with", "async stages"}, said
    return seconds


def complaints(said: str) -> list[str]:
    """All that Python said beside one traceback. (In development mode asyncio names slow callbacks, rightly.)"""
    lines = [line for line in said.splitlines() if line and not line.startswith((" ", "Executing <"))]
    return [line for line in lines if line not in LINES]


def moments(seed: str, count: int) -> list[tuple[str, bool, float]]:
    """Phases in turn, each with and without development mode, at random moments."""
    chance = random.Random(seed)
    phases = [PHASES[number % len(PHASES)] for number in range(count)]
    return [
        (phase, bool(number // len(PHASES) % 2), chance.uniform(0.0, 0.02 if phase == "hanging" else 0.2))
        for number, phase in enumerate(phases)
    ]


@pytest.mark.skipif(TORTURE, reason="the long form covers it")
@pytest.mark.parametrize("number", range(10))
def test_ctrl_c_ends_the_program(number: int) -> None:
    """Ten worlds of them all, by turns over both kinds of consumer."""
    world = WORLDS[number * len(WORLDS) // 10]
    phase, dev, moment = moments("quick", 10)[number]
    assert interrupted(world, phase, dev, moment) < CEILING


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("world", WORLDS)
def test_ctrl_c_ends_every_program(world: str, capsys: Any) -> None:
    """At any moment; and how long that took is told."""
    seconds = sorted(interrupted(world, *moment) for moment in moments(world, MOMENTS))
    p90 = quantiles(seconds, n=10)[-1]
    with capsys.disabled():
        told = f"min {seconds[0]:.3f}  median {median(seconds):.3f}  p90 {p90:.3f}  max {seconds[-1]:.3f} s"
        sys.stdout.write(f"\n{world:34} {told}  ")
    assert seconds[-1] < CEILING

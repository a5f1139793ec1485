"""Ctrl-C on the command line: the first drains, the second cancels, the third leaves; SIGTERM too."""

from __future__ import annotations

import signal
import time

import pytest

INT, TERM = signal.SIGINT, signal.SIGTERM


class Napping:
    """A command with calls in flight: eight short ones are done, eight long ones run."""

    def __init__(self, command, function, long, *flags):
        items = ["0"] * 8 + [str(long)] * 50
        self.process = command.start("run", f"jobs:{function}", *items, "-c", "8", "--no-ordered", "-o", "out", *flags)
        assert self.process.stderr is not None
        for _ in range(16):
            assert self.process.stderr.readline() == b"napping\n"
        self.out = command.folder / "out"
        while self.out.read_bytes() != b"0\n" * 8:
            time.sleep(0.01)

    def signal(self, number, until=b"stopping"):
        """Send a signal, and wait until it is heard."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith(until), line
        return line

    def end(self):
        """Exit code and what was said."""
        assert self.process.stderr is not None
        said = self.process.stderr.read().decode()
        return self.process.wait(15), said


@pytest.fixture(params=["nap", "doze"])
def function(request):
    """On threads, and on asyncio."""
    return request.param


@pytest.mark.parametrize("number, code", [(INT, 130), (TERM, 143)])
def test_the_first_drains(command, function, number, code):
    """Calls that run are finished, and their results written; no more are started."""
    napping = Napping(command, function, 0.7)
    assert b"8 in flight, up to 10 s" in napping.signal(number)
    left, said = napping.end()
    assert left == code
    assert napping.out.read_text() == "0\n" * 8 + "0.7\n" * 8
    assert "napping" not in said
    assert "16 ok, 0 failed" in said
    assert "interrupted: 16 of 58 done" in said


def test_a_drain_has_its_time(command, function):
    """`--grace`; then what still runs is left."""
    napping = Napping(command, function, 60, "--grace", "300ms")
    napping.signal(INT)
    code, said = napping.end()
    assert code == 130
    assert napping.out.read_text() == "0\n" * 8
    assert "interrupted: 8 of 58 done" in said


def test_the_second_cancels(command, function):
    napping = Napping(command, function, 60)
    napping.signal(INT)
    napping.signal(INT, b"cancelling")
    began = time.monotonic()
    code, said = napping.end()
    assert (code, "interrupted: 8 of 58 done" in said) == (130, True)
    assert time.monotonic() - began < 5


def test_the_third_leaves(command):
    """At once, even though nothing else would end it."""
    napping = Napping(command, "nap", 60)
    napping.signal(TERM)
    napping.process.send_signal(INT)
    napping.process.send_signal(INT)
    code, said = napping.end()
    assert code == 143
    assert "Traceback" not in said


def test_nothing_is_said_but_that(command, function):
    """No traceback, no warning of the interpreter's."""
    napping = Napping(command, function, 0.2)
    napping.signal(INT)
    _, said = napping.end()
    heads = {line.split()[0] for line in said.splitlines()}
    assert heads <= {"done", "chose", "run", "wait", "held", "interrupted:"}

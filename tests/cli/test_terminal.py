"""On a real terminal: a bar that leaves nothing behind, and never a byte of it on stdout."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios

import pytest

ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(command, *arguments, columns=80, resize=None, interrupt=None, stdout=subprocess.PIPE, **environment):
    """Run a command whose stderr is a terminal: exit code, stdout, what the terminal got.

    So is stdout, if it is None. `interrupt`: Ctrl-C when this has been seen.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command.environment.update(TERM="xterm", **environment)
    process = command.start(*arguments, stdin=theirs, stderr=theirs, stdout=stdout or theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # EIO: the other end was closed
        while chunk := os.read(ours, 4096):
            seen += chunk
            if resize is not None and b"/s" in seen:
                fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, resize, 0, 0))
                resize = None
            if interrupt is not None and interrupt in seen:
                process.send_signal(signal.SIGINT)
                interrupt = None
    out = process.stdout.read() if process.stdout else b""
    os.close(ours)
    return process.wait(20), out, seen


NAPS = ["0.05"] * 40


def test_a_bar_on_the_terminal_and_results_alone_on_stdout(command):
    """It shows how far the run is, and is gone when the summary comes."""
    code, out, seen = on_terminal(command, "run", "jobs:rest", *NAPS, "-c", "4")
    assert (code, out) == (0, b"0.05\n" * 40)
    assert re.search(rb"\d+/40 ", seen)
    assert b"in flight 4" in seen
    last = ESCAPE.sub(b"", seen.replace(b"\r", b"\n")).split(b"done ", 1)[1]
    assert b"40 ok, 0 failed" in last
    assert b"/40" not in last


@pytest.mark.parametrize("columns", [80, 30])
def test_no_line_is_wider_than_the_terminal(command, columns):
    """Also when it becomes narrower while the bar is drawn."""
    code, _, seen = on_terminal(command, "run", "jobs:rest", *NAPS, "-c", "4", columns=120, resize=columns)
    assert code == 0
    bars = [ESCAPE.sub(b"", line) for line in re.split(rb"[\r\n]", seen) if b"in flight" in line]
    assert bars
    assert max(len(line.decode()) for line in bars[2:] or bars) <= columns


def test_no_color(command):
    """A bar, and no colour."""
    _, _, seen = on_terminal(command, "run", "jobs:rest", *NAPS[:20], "-c", "4", NO_COLOR="1")
    colours = [code for code in re.findall(rb"\x1b\[([0-9;]*)m", seen) if re.search(rb"3[0-7]|38;", code)]
    assert b"in flight" in seen
    assert colours == []


def test_progress_none_and_quiet(command):
    assert on_terminal(command, "run", "jobs:upper", "a", "--progress", "none", "-q") == (0, b"A\n", b"")


def test_lines_where_no_terminal_is(command, monkeypatch):
    """One every half minute; here faster."""
    code, out, err = command("run", "jobs:rest", *NAPS[:8], "--progress", "line", "-c", "1", "-q")
    assert (code, err) == (0, "")
    command.file("sitecustomize.py", "import iobound.observers.progress as p\np.LineView.every = 0.05\n")
    command.environment["PYTHONPATH"] += os.pathsep + str(command.folder)
    code, out, err = command("run", "jobs:rest", *NAPS[:8], "--progress", "line", "-c", "1", "-q")
    assert (code, out) == (0, "0.05\n" * 8)
    assert re.search(r"^\d/8  [\d.]+/s  in flight 1", err, re.MULTILINE)


def shown(seen):
    """What a person sees in the end: each line after the last time it was cleared."""
    lines = seen.replace(b"\r\n", b"\n").split(b"\n")
    return [ESCAPE.sub(b"", line.rsplit(b"\x1b[2K", 1)[-1]).strip(b"\r") for line in lines]


def test_results_on_the_terminal_are_the_progress(command):
    """Where they go to the same terminal there is no bar to glue them to."""
    code, _, seen = on_terminal(command, "run", "jobs:rest", *NAPS[:10], "-c", "2", stdout=None)
    assert code == 0
    assert b"in flight" not in seen
    assert shown(seen)[:10] == [b"0.05"] * 10


def test_a_bar_that_was_asked_for_leaves_results_their_lines(command):
    code, _, seen = on_terminal(command, "run", "jobs:rest", *NAPS, "-c", "4", "--progress", "bar", stdout=None)
    assert code == 0
    assert b"in flight" in seen
    assert shown(seen)[:40] == [b"0.05"] * 40


def test_a_bar_on_the_terminal_where_results_go_to_a_file(command):
    code, _, seen = on_terminal(command, "run", "jobs:rest", *NAPS, "-c", "4", "-o", "out", stdout=None)
    assert code == 0
    assert b"in flight" in seen


def test_what_is_said_meanwhile_takes_the_bar_off_its_line(command):
    """The word about Ctrl-C is on a line of its own."""
    flags = ("--progress", "bar", "--grace", "0.1")
    _, _, seen = on_terminal(command, "run", "jobs:rest", "0", "60", *flags, interrupt=b"in flight 1")
    assert any(line.startswith(b"stopping: 1 in flight") for line in shown(seen))

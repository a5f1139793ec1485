"""On a real terminal: a bar that leaves nothing behind, and never a byte of it on stdout."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import struct
import termios

import pytest

ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(command, *arguments, columns=80, resize=None, **environment):
    """Run a command whose stderr is a terminal: exit code, stdout, what the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command.environment.update(TERM="xterm", **environment)
    process = command.start(*arguments, stdin=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # EIO: the other end was closed
        while chunk := os.read(ours, 4096):
            seen += chunk
            if resize is not None and b"/s" in seen:
                fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, resize, 0, 0))
                resize = None
    out = process.stdout.read()
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

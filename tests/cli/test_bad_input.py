"""Bad input: one clear line, a hint, exit 2, never a traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

CASES = {
    "no function": (["run", "jobs", "a"], "'jobs' names no function", "MODULE:FUNCTION"),
    "unknown module": (["run", "job:upper", "a"], "no module named 'job'", "did you mean jobs:upper?"),
    "a file name": (["run", "jobs.py:upper", "a"], "no module named", "jobs:upper"),
    "unknown function": (["run", "jobs:uper", "a"], "'jobs' has no 'uper'", "did you mean jobs:upper?"),
    "not a function": (["run", "jobs:NUMBER", "a"], "'jobs:NUMBER' is int", ""),
    "of no argument": (["run", "jobs:nothing", "a"], "cannot be called with the item", ""),
    "generator": (["run", "jobs:many", "a"], "is a generator", "return a list"),
    "async generator": (["run", "jobs:stream", "a"], "is a generator", "return a list"),
    "no items": (["run", "jobs:upper"], "no items", "-i FILE"),
    "two sources": (["run", "jobs:upper", "a", "-i", "-"], "items come from one place", ""),
    "missing file": (["run", "jobs:upper", "-i", "jobs.px"], "no file 'jobs.px'", "did you mean jobs.py?"),
    "directory": (["run", "jobs:upper", "-i", "."], "is a directory", "--files"),
    "no match": (["run", "jobs:upper", "--files", "*.nope"], "no file matches '*.nope'", "**"),
    "zero": (["run", "jobs:upper", "a", "-c", "0"], "--concurrency 0 is not valid", "at least 1"),
    "ten": (["run", "jobs:upper", "a", "-c", "ten"], "--concurrency ten is not valid", "'auto'"),
    "model": (["run", "jobs:upper", "a", "--model", "thread"], "--model thread is not valid", "'threads'"),
    "async on threads": (["run", "jobs:twice", "a", "--model", "threads"], "is async", "asyncio"),
    "seconds": (["run", "jobs:upper", "a", "--task-timeout", "soon"], "--task-timeout soon is not valid", "seconds"),
    "unknown flag": (["run", "jobs:upper", "a", "--concurency", "3"], "no such option", "--help"),
    "unknown command": (["rum", "jobs:upper"], "no such command 'rum'", "--help"),
    "output folder": (["run", "jobs:upper", "a", "-o", "nowhere/out"], "cannot write 'nowhere/out'", ""),
    "hash setup": (["hash", ".", "--setup", "jobs:resource"], "hash needs no --setup", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused(command, case):
    """And the hint helps."""
    arguments, message, hint = CASES[case]
    said = command.refused(*arguments)
    assert message in said
    assert hint in said
    assert not hint or "\n  hint: " in said


def test_a_module_that_raises_when_it_is_imported(command):
    command.file("bad.py", "import nowhere_to_be_found\n")
    command.file("worse.py", "1 / 0\n")
    assert "importing 'bad' failed: No module named 'nowhere_to_be_found'" in command.refused("run", "bad:f", "a")
    said = command.refused("run", "worse:f", "a")
    assert "importing 'worse' failed: ZeroDivisionError" in said
    assert "worse.py, line 1" in said


def test_what_is_not_json_is_named_by_its_line(command):
    """What came before it is done."""
    command.file("items.jsonl", '1\n2\n{"broken\n')
    code, out, err = command("run", "jobs:size", "-i", "items.jsonl")
    assert (code, out) == (2, "1\n2\n")
    assert "error: items.jsonl, line 3: not JSON (" in err


@pytest.mark.parametrize("content", [b"a\nb\0c\n", b"a\n\xff\xfe\n"])
def test_binary_is_named_by_its_line(command, content):
    command.file("items.bin", content)
    code, out, err = command("run", "jobs:upper", "-i", "items.bin")
    assert (code, out) == (2, "A\n")
    assert "error: items.bin, line 2: not " in err


def test_rows_that_do_not_fit_their_header(command):
    command.file("items.csv", "a,b\n1,2\n3\n")
    code, _, err = command("run", "jobs:size", "-i", "items.csv")
    assert code == 2
    assert "items.csv, line 3: not as many columns" in err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(command):
    path = command.folder / command.file("secret", "a\n")
    path.chmod(0)
    assert "cannot read 'secret': Permission denied" in command.refused("run", "jobs:upper", "-i", "secret")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this platform has no full disk to offer")
def test_a_full_disk(command):
    said = command.refused("run", "jobs:upper", "a", "-o", "/dev/full")
    assert os.strerror(errno.ENOSPC) in said
    code, _, err = command.shell("iobound run jobs:upper a > /dev/full")
    assert code == 2
    assert err.startswith("error: cannot write to stdout: No space left")


def test_closed_stdout(command):
    code, _, err = command.shell("iobound run jobs:upper a >&-")
    assert code == 2
    assert err.startswith("error: cannot write to stdout: Bad file descriptor")


def test_a_reader_that_goes_away_ends_it_quietly(command):
    """No line on stderr, and the code that SIGPIPE would have given."""
    code, out, err = command.shell("yes | (iobound run jobs:upper -i - -q; echo $? > code) | head -n 1")
    assert (code, out, err) == (0, "Y\n", "")
    assert (command.folder / "code").read_text() == "141\n"

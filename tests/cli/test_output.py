"""Where results go: never over the input, never before anything works, whole lines, and JSON that is JSON."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import termios
import threading
import time

import pytest

FULL = 60_000
"""Bytes in a pipe that has no room for a line more."""


@pytest.fixture
def numbered(command):
    """A file of items, and the folder."""
    command.file("in.txt", "1\n2\n3\n")
    return command


@pytest.mark.parametrize("other", ["in.txt", "soft", "hard", "./in.txt"])
def test_the_output_is_not_the_input(numbered, other):
    """By whatever name; nothing is emptied."""
    path = numbered.folder / "in.txt"
    (numbered.folder / "soft").symlink_to(path)
    (numbered.folder / "hard").hardlink_to(path)
    assert "error: the output file is the input\n  hint: " in numbered.refused(
        "run", "builtins:str", "-i", "in.txt", "-o", other
    )
    assert path.read_text() == "1\n2\n3\n"


@pytest.mark.parametrize(
    "line",
    [
        "run builtins:str -i - -o in.txt < in.txt",
        "run builtins:str -i in.txt >> in.txt",
        "run builtins:str --files 'i*.txt' -o in.txt",
        "run builtins:str a in.txt -o in.txt",
        "hash in.txt -o in.txt",
        "hash . -o in.txt",
        "hash jobs.py ../*/ -o in.txt",
    ],
)
def test_nor_is_it_an_item_or_what_stdin_reads(numbered, line):
    code, _, err = numbered.shell(f"iobound {line}")
    assert code == 2
    assert err.startswith("error: the output file is the input")
    assert (numbered.folder / "in.txt").read_text() == "1\n2\n3\n"


@pytest.mark.parametrize("line, skipped", [("hash . -o sums", 1), ("run builtins:str --files '*' -o sums", 0)])
def test_a_new_file_that_a_walk_meets_is_no_item(numbered, line, skipped):
    """It is skipped, and that is said; patterns are read before it is made."""
    code, _, err = numbered.shell(f"iobound {line}")
    assert code == 0
    assert err.count("skipped './sums'") == skipped
    assert "sums" not in (numbered.folder / "sums").read_text()


def test_what_was_there_stays_until_something_works(numbered):
    """A first item or a setup that fails leaves it as it was; a run that did something replaces it."""
    numbered.file("out", "old\n")
    for arguments in (["jobs:broken", "a"], ["jobs:with_resource", "a", "--setup", "jobs:down"]):
        numbered.refused("run", *arguments, "-o", "out")
        numbered.refused("run", *arguments, "-o", "new")
        assert (numbered.folder / "out").read_text() == "old\n"
        assert not (numbered.folder / "new").exists()
    assert numbered("run", "jobs:upper", "a", "-o", "out")[0] == 0
    assert (numbered.folder / "out").read_text() == "A\n"
    assert numbered("run", "jobs:upper", "-i", "-", "-o", "out")[0] == 0
    assert (numbered.folder / "out").read_text() == ""


@pytest.mark.parametrize("json_lines", [[], ["--json"]])
def test_a_result_that_cannot_be_written_is_a_failure(command, json_lines):
    """Of its own item; the others go on."""
    items = ["fine", "keys", "repr", "circle", "long", "half", "raises", "well"]
    code, out, err = command("run", "jobs:odd", *items, *json_lines)
    assert code == 1
    assert "bug" not in err
    if not json_lines:
        assert out == "fine\nwell\n"
        assert "2 ok, 6 failed" in err
        assert "1 x Unwritable: a result of type dict cannot be written: keys must be str" in err
        return
    told = [json.loads(line) for line in out.splitlines()]
    assert [line["status"] for line in told] == ["ok"] + ["failed"] * 4 + ["ok", "failed", "ok"]
    assert told[3]["error"]["message"] == "a result of type list cannot be written: Circular reference detected"


def test_what_is_no_number_in_json_is_null(command):
    """NaN and infinity: no parser but Python's takes the words."""
    assert command("run", "jobs:numbers", "a", "-q")[1] == '[null, {"a": null}, 1.5, "NaN"]\n'
    assert json.loads(command("run", "jobs:numbers", "a", "--json")[1])["value"] == [None, {"a": None}, 1.5, "NaN"]


def test_bytes_are_lines_too(command):
    assert command("run", "jobs:raw", "a", "b\n", "-q")[1] == "a\nb\n"


def test_a_stream_that_does_not_wait_is_waited_for(command):
    """Whoever started us may have made it one: every line is whole, and there."""
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETFL, fcntl.fcntl(theirs, fcntl.F_GETFL) | os.O_NONBLOCK)
    items = "".join(f"{number:>2000}\n" for number in range(500))
    process = command.start("run", "builtins:str", "-i", "-", stdout=theirs)
    os.close(theirs)
    feeding = threading.Thread(target=lambda: (process.stdin.write(items.encode()), process.stdin.close()))
    feeding.start()
    assert process.stderr is not None
    while int.from_bytes(fcntl.ioctl(ours, termios.FIONREAD, b"\0" * 4), sys.byteorder) < FULL:
        time.sleep(0.01)
    got = b"".join(iter(lambda: os.read(ours, 1 << 16), b""))
    os.close(ours)
    feeding.join()
    assert process.wait(20) == 0, process.stderr.read()
    assert got == items.encode()

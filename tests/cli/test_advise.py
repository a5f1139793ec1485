"""`iobound advise`, as a person and as a program meets it."""

from __future__ import annotations

import errno
import json
import os
import signal

import pytest

JOBS = """
import logging
import subprocess
import sys
import time

log = logging.getLogger("work")
log.addHandler(logging.StreamHandler(sys.stdout))


def nap(item):
    time.sleep(0.002)


def brief(item):
    return item


def delete(item):
    raise AssertionError("was called")


def broken(item):
    raise ValueError(f"cannot do {item}")


def leave(item):
    raise SystemExit(7)


def loud(item):
    print("from Python")
    log.warning("from a log")
    subprocess.run(["echo", "from elsewhere"], check=True)


def two(item, other):
    return item
"""


@pytest.fixture
def work(command):
    """The command line, where a module `work` and 100 items are."""
    command.file("work.py", JOBS)
    command.file("items.txt", "".join(f"{number}\n" for number in range(100)))
    return command


def test_a_person_reads_a_table_and_is_told_first_how_often_each_item_is_called(work):
    code, out, err = work("advise", "work:nap", "-i", "items.txt", "--budget", "1s", "--max", "4")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("work:nap: plain, 2")
    assert lines[1].split()[:4] == ["model", "c", "items/s", "95%"]
    assert any(line.startswith("Recommendation: threads, concurrency ") for line in lines)
    assert lines[-1].startswith("  Use it: iobound run work:nap -i items.txt --model threads -c ")
    said = err.splitlines()
    assert said[0] == "calls nap() many times for each of 40 items, for 1 s in all; the first pass shows how often"
    assert "each item is now called up to about" in said[1]


def test_a_program_reads_one_object_and_quiet_is_quiet(work):
    line = ("advise", "work:nap", "-i", "items.txt", "--budget", "0.5s", "--max", "2", "--sample", "7", "--seed", "3")
    code, out, err = work(*line, "--json", "-q")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["v"], told["type"], told["name"]) == (1, "advice", "work:nap")
    assert (told["drawn"]["used"], told["drawn"]["of"], told["drawn"]["seed"]) == (7, 100, 3)
    assert {row["candidate"]["model"] for row in told["rows"]} <= {"serial", "threads"}
    assert len(told["rows"][0]["trials"]) == told["rounds"]


def test_what_the_function_prints_goes_to_stderr(work):
    work.file("printing.py", "print('from an import')\nfrom work import loud\n")
    code, out, err = work("advise", "printing:loud", "a", "--budget", "0.3s", "--max", "1", "--json", "-q")
    assert (code, json.loads(out)["type"]) == (0, "advice")
    assert out.count("\n") == 1
    assert set(err.splitlines()) == {"from an import", "from Python", "from a log", "from elsewhere"}


@pytest.mark.parametrize("line", ["advise work:nap a --budget 0.1s --max 2 -q", "doctor"])
def test_a_reader_that_is_gone_ends_it_as_it_ends_a_run(work, line):
    code, _, err = work.shell(f"(sleep 0.2; iobound {line}; echo $? > code) | true")
    assert (code, err) == (0, "")
    assert (work.folder / "code").read_text() == "141\n"


def test_a_closed_stdout_is_refused_before_anything_is_called(work):
    code, _, err = work.shell("iobound advise work:nap a >&-")
    assert code == 2
    assert err == f"error: cannot write to stdout: {os.strerror(errno.EBADF)}\n"


def test_without_stderr_it_measures_all_the_same(work):
    code, out, _ = work.shell("iobound advise work:nap a --budget 0.1s --max 2 2>&-")
    assert (code, out.startswith("work:nap: plain")) == (0, True)


def test_a_page_is_written_on_demand(work):
    code, _, err = work("advise", "work:nap", "a", "b", "--budget", "0.4s", "--max", "2", "--report", "advice.html")
    assert code == 0, err
    assert "iobound run work:nap ITEM..." in (work.folder / "advice.html").read_text(encoding="utf-8")


def test_a_name_that_looks_destructive_needs_yes(work):
    err = work.refused("advise", "work:delete", "a")
    assert err == (
        "error: work:delete looks as if it changes something ('delete'), and would be called many times for each item\n"
        "  hint: --yes measures it all the same\n"
    )
    assert "was called" in work.refused_late("advise", "work:delete", "a", "--yes")


def test_only_a_clear_verdict_satisfies_require_clear(work):
    line = ("advise", "work:brief", "-i", "items.txt", "--max", "1", "--budget", "0.3s", "--json")
    code, out, err = work(*line, "--require-clear")
    assert (code, json.loads(out)["verdict"]) == (1, "inconclusive"), err  # nothing to compare it with
    assert work(*line)[0] == 0


@pytest.mark.parametrize(
    "arguments, error, hint",
    [
        (["work:nap", "a", "--budget", "soon"], "--budget soon is not valid", "text such as '60s' or '2m'"),
        (["work:nap", "a", "--sample", "0"], "--sample", "--help"),
        (["work:nap"], "no items", "-i FILE"),
        (["work:nop", "a"], "'work' has no 'nop'", "did you mean work:nap?"),
        (["work:two", "a"], "cannot be called with the item", ""),
        (["work:nap", "-i", "item.txt"], "no file 'item.txt'", "did you mean items.txt?"),
        (["work:nap", "-i", "items.txt", "--report", "items.txt"], "the output file is the input", ""),
        (["work:nap", "a", "--report", "nowhere/advice.html"], "cannot write 'nowhere/advice.html'", ""),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(work, arguments, error, hint):
    told = work.refused("advise", *arguments)
    assert error in told
    assert hint in told


@pytest.mark.parametrize(
    "name, told",
    [
        ("broken", "error: all 2 calls failed: ValueError: cannot do "),
        ("leave", "error: the function called sys.exit(7)"),
    ],
)
def test_a_function_that_cannot_be_measured_is_told(work, name, told):
    assert told in work.refused_late("advise", f"work:{name}", "a", "b", "--budget", "1s")


def test_ctrl_c_ends_it_without_a_recommendation(work):
    process = work.start("advise", "work:nap", "-i", "items.txt", "--budget", "30s")
    assert process.stderr.readline().startswith(b"calls nap()")
    assert b"per call" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, b"")
    assert err.endswith(b"error: interrupted: nothing is recommended\n")

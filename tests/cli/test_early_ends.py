"""A run that ends before its end: what was done is written and counted, and why it ended is told last."""

from __future__ import annotations

import json
import signal

import pytest


def test_a_timeout_keeps_what_is_done_behind_a_call_that_hangs(command):
    items = "".join(f"{number}\n" for number in range(1, 101)).encode()
    flags = ("--no-preflight", "--timeout", "2", "--grace", ".1", "-o", "out")
    code, _, err = command("run", "jobs:hang_first", "-i", "-", *flags, given=items)
    written = (command.folder / "out").read_text().split()
    assert code == 3
    assert written == [str(number) for number in range(2, 101)]
    assert f"done    {len(written)} ok, 0 failed" in err
    assert "lost" not in err


def test_too_many_errors_say_which(command):
    """Also behind an item that takes longer."""
    code, out, err = command("run", "jobs:wrong_key", "a", "c", "b", "d", "e", "--max-errors", "0")
    assert code == 3
    assert out.split()[:2] == ["a", "c"]
    assert "failed  1 x ValueError: the key is wrong\n        e.g. b" in err
    assert "error: halted: 1 of " in err


def test_the_second_interrupt_keeps_what_is_done(command):
    process = command.start("run", "jobs:hang_first", "--no-preflight", *map(str, range(1, 60)), "--json")
    for _ in range(58):
        assert process.stderr.readline() == b"rested\n"
    for heard in (b"stopping", b"cancelling"):
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline().startswith(heard)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert [json.loads(line)["item"] for line in out.splitlines()] == [str(number) for number in range(2, 60)]
    told = json.loads(err.splitlines()[-1])
    assert (told["succeeded"], told["lost"], told["exit"]) == (58, 0, 130)


def test_an_error_in_the_items_comes_after_what_was_done(command):
    """The failures before it are not hidden by it."""
    command.file("items.jsonl", "".join(f'"{number}"\n' for number in range(30)) + '{"broken\n')
    code, _, err = command("run", "jobs:thirds", "-i", "items.jsonl")
    assert code == 2
    parts = ("done    20 ok, 10 failed", "failed  10 x LookupError", "error: items.jsonl, line 31")
    assert [*parts] == sorted(parts, key=err.index)
    code, out, err = command("run", "jobs:thirds", "-i", "items.jsonl", "--json")
    told = json.loads(err.splitlines()[-1])
    assert (len(out.splitlines()), told["failed"], told["exit"], code) == (30, 10, 2, 2)


@pytest.mark.parametrize(
    "arguments, code",
    [
        (["jobs:broken", "a", "b"], 2),
        (["jobs:leave", "a", "b"], 3),
        (["jobs:with_resource", "a", "--setup", "jobs:down"], 2),
        (["jobs:upper", "a", "-o", "/dev/full"], 2),
    ],
)
def test_programs_get_their_summary_whatever_ends_a_run(command, arguments, code):
    left, _, err = command("run", *arguments, "--json")
    told = json.loads(err.splitlines()[-1])
    assert (told["type"], told["exit"], left) == ("summary", code, code)


SETUPS = {
    "jobs:down": "--setup down failed: OSError: db down",
    "jobs:late": "--setup late failed: TimeoutError: db too slow",
    "jobs:no_manager": "--setup no_manager failed: TypeError: setup= gave int, which is no context manager",
}


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("model", ["threads", "serial", "asyncio"])
@pytest.mark.parametrize("preflight", ["--preflight", "--no-preflight"])
def test_a_setup_that_fails_is_one_plain_error(command, setup, model, preflight):
    """And nothing waits for items that will never be asked for."""
    function = "jobs:with_resource" if model != "asyncio" else "jobs:async_with_resource"
    said = command.refused("run", function, "a", "b", "--setup", setup, "--model", model, preflight)
    assert f"error: {SETUPS[setup]}" in said


@pytest.mark.parametrize("model", ["threads", "serial", "asyncio"])
def test_a_setup_that_cannot_be_left_is_told_at_the_end(command, model):
    """Every result is there."""
    function = "jobs:with_resource" if model != "asyncio" else "jobs:async_with_resource"
    code, out, err = command("run", function, "a", "b", "--setup", "jobs:unleavable", "--model", model)
    assert (code, len(out.splitlines())) == (1, 2)
    assert "done    2 ok, 0 failed" in err
    assert "error: leaving --setup unleavable failed: OSError: db went away" in err
    assert err.count("db went away") == 1


def test_what_held_a_run_back_is_said_only_if_it_is_known(command):
    """Places that were full are known; those that waited for one call that hangs were not."""
    code, _, err = command("run", "jobs:rest", *["0.3"] * 12, "-c", "2")
    assert (code, "held    by concurrency=2: its places were taken" in err) == (0, True)
    assert "held" not in command("run", "jobs:rest", "0", "1.2")[2]
    assert "held" not in command("run", "jobs:rest", "-i", "-", "--no-preflight", given=b"1.2\n" + 99 * b"0.01\n")[2]

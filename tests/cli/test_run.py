"""`iobound run`: items in, results out, through the real command."""

from __future__ import annotations

import json


def test_arguments_in_values_out(command):
    """Strings as they are, in order; everything else goes to stderr."""
    code, out, err = command("run", "jobs:upper", "a", "b", "c")
    assert (code, out) == (0, "A\nB\nC\n")
    assert err.startswith("done    3 ok, 0 failed in ")


def test_quiet_says_nothing_where_all_went_well(command):
    assert command("run", "jobs:twice", "ab", "-q") == (0, "abab\n", "")


def test_an_async_function_from_stdin(command):
    code, out, _ = command("run", "jobs:twice", "-i", "-", given=b"a\n\nb\r\nc")
    assert (code, out) == (0, "aa\nbb\ncc\n")


def test_formats_by_suffix(command):
    """JSON lines, CSV with a header, names that end in NUL; what is no string comes out as JSON."""
    command.file("items.jsonl", '{"id": 1}\n\n[2]\n')
    command.file("items.csv", 'name,size\n"a,b",3\nc,4\n')
    command.file("names", b"one\0two\nlines\0")
    assert command("run", "jobs:size", "-i", "items.jsonl", "-q")[1] == '{"id": 1}\n[2]\n'
    rows = command("run", "jobs:size", "-i", "items.csv", "-q")[1].splitlines()
    assert [json.loads(row) for row in rows] == [{"name": "a,b", "size": "3"}, {"name": "c", "size": "4"}]
    assert command("run", "jobs:upper", "-i", "names", "--format", "null", "-q")[1] == "ONE\nTWO\nLINES\n"


def test_files_by_pattern(command):
    (command.folder / "sub").mkdir()
    for name in ("a.txt", "sub/b.txt", "sub/c.md"):
        command.file(name, "")
    out = command("run", "jobs:size", "--files", "**/*.txt", "-q")[1]
    assert sorted(out.split()) == ["a.txt", "sub/b.txt"]


def test_limit_and_setup(command):
    out = command("run", "jobs:with_resource", "a", "b", "c", "-n", "2", "--setup", "jobs:resource", "-q")[1]
    assert out == '["a", "connection"]\n["b", "connection"]\n'


def test_failures_are_grouped_and_the_exit_code_is_1(command):
    """One line for a kind, with an example; the values that there are come in order."""
    items = "".join(f"{number}\n" for number in range(30))
    code, out, err = command("run", "jobs:thirds", "-i", "-", given=items.encode())
    assert code == 1
    assert out.split() == [str(number) for number in range(30) if number % 3 != 1]
    assert "done    20 ok, 10 failed" in err
    assert "failed  10 x LookupError: no answer for '1'\n        e.g. 1" in err


def test_json_lines(command):
    """A line for each item on stdout, and the summary as the last line of stderr."""
    code, out, err = command("run", "jobs:thirds", "0", "1", "2", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [(line["v"], line["i"], line["item"], line["status"]) for line in lines] == [
        (1, 0, "0", "ok"),
        (1, 1, "1", "failed"),
        (1, 2, "2", "ok"),
    ]
    assert lines[0]["value"] == 0
    assert lines[1]["error"] == {"type": "LookupError", "message": "no answer for '1'"}
    assert {"attempts", "queue_s", "run_s"} <= lines[0].keys()
    told = json.loads(err.splitlines()[-1])
    assert (told["type"], told["succeeded"], told["failed"], told["exit"], code) == ("summary", 2, 1, 1, 1)
    assert told["failures"][0]["count"] == 1


def test_output_to_a_file(command):
    assert command("run", "jobs:upper", "a", "b", "-o", "out.txt", "-q") == (0, "", "")
    assert (command.folder / "out.txt").read_text() == "A\nB\n"


def test_the_first_item_is_tried_alone(command):
    """Nothing else is run when it fails, and the error says where."""
    code, out, err = command("run", "jobs:broken", *map(str, range(50)))
    assert (code, out) == (2, "")
    assert err.startswith("error: the first item failed, and nothing else was run: ValueError: cannot do '0'")
    assert "jobs.py:" in err
    assert "--no-preflight" in err


def test_no_preflight_goes_on(command):
    code, _, err = command("run", "jobs:thirds", "1", "2", "--no-preflight")
    assert code == 1
    assert "1 ok, 1 failed" in err


def test_twenty_failures_alike_from_the_start_halt_the_run(command):
    """A wrong key does not burn fifty thousand calls; with the first item, which is tried alone, or without."""
    items = b"".join(b"%d\n" % number for number in range(5000))
    code, _, err = command("run", "jobs:first_only", "-i", "-", "-c", "1", given=items)
    assert code == 3
    assert "error: halted: the first 20 calls after the preflight all failed alike" in err
    assert "failed  20 x ValueError" in err
    code, _, err = command("run", "jobs:broken", "-i", "-", "-c", "1", "--no-preflight", given=items)
    assert code == 3
    assert "error: halted: the first 20 calls all failed alike\n  hint: --max-errors 100% goes on" in err
    assert "failed  20 x ValueError" in err


def test_failures_alike_do_not_halt_a_run_in_which_something_has_succeeded(command):
    """Nor one that was told how many are too many, nor failures of each item's own."""
    items = b"".join(b"%d\n" % number for number in range(50))
    flags = ("-i", "-", "--no-preflight")
    assert "0 ok, 50 failed" in command("run", "jobs:broken", *flags, "--max-errors", "100%", given=items)[2]
    code, _, err = command("run", "jobs:stat", *flags, given=items)
    assert (code, "failed  50 x FileNotFoundError" in err) == (1, True)


def test_max_errors_halts(command):
    items = b"".join(b"%d\n" % number for number in range(300))
    code, _, err = command("run", "jobs:thirds", "-i", "-", "--max-errors", "5", given=items)
    assert code == 3
    assert "--max-errors 5" in err


def test_timeouts_halt_or_fail(command):
    """One call's own is a failure; the run's halts it."""
    code, _, err = command("run", "jobs:nap", "0", "30", "--task-timeout", "100ms", "-q")
    assert code == 1
    assert "1 x TimeoutError" in err
    code, _, err = command("run", "jobs:doze", "0", "30", "--timeout", "0.3", "--grace", "0", "-q")
    assert code == 3
    assert "halted: the run took longer than --timeout 0.3 s" in err


def test_a_function_that_leaves_the_program_does_not(command):
    code, _, err = command("run", "jobs:leave", "a")
    assert code == 3
    assert "leave() called sys.exit(7)" in err


def test_dry_run_does_nothing(command):
    code, out, err = command("run", "jobs:broken", "a", "b", "--dry-run", "-c", "4")
    assert (code, out) == (0, "")
    assert "would run jobs:broken (plain) on threads for 2 items (first: 'a')" in err
    assert "with --concurrency 4 --grace 10.0\n" in err
    assert err.endswith("nothing was run\n")


def test_no_items_is_no_error(command):
    code, out, err = command("run", "jobs:upper", "-i", "-", given=b"")
    assert (code, out) == (0, "")
    assert "0 ok, 0 failed" in err


def test_a_call_that_blocks_its_loop_is_a_remark_also_where_warnings_are_errors(command):
    """The command runs with `PYTHONWARNINGS=error` here."""
    lines = (command.folder / "jobs.py").read_text().splitlines()
    place = next(number for number, line in enumerate(lines, 1) if "# blocks" in line)
    code, out, err = command("run", "jobs:block", "a", "b")
    assert (code, out) == (0, "a\nb\n")
    assert f"warning: block() blocked the event loop for more than 1 s at jobs.py:{place} (time.sleep): " in err
    assert "\n  hint: await something that does not block" in err
    assert err.count("blocked the event loop") == 1
    assert "Traceback" not in err

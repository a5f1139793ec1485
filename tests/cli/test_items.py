"""Items as people have them: files of other programs, odd names, patterns that overlap, stdin that idles."""

from __future__ import annotations

import json
import os

import pytest


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_csv_with_an_unnamed_column_as_dataframes_write_it(command):
    command.file("frame.csv", ",name,age\n0,bob,3\n")
    assert rows(command("run", "jobs:size", "-i", "frame.csv", "-q")[1]) == [{"": "0", "name": "bob", "age": "3"}]


@pytest.mark.parametrize("kind", ["csv", "lines", "jsonl"])
def test_the_mark_in_front_of_utf8_is_no_part_of_the_first_item(command, kind):
    text = {"csv": "name\nü\n", "lines": "ü\n", "jsonl": '{"name": "ü"}\n'}[kind]
    command.file("marked", b"\xef\xbb\xbf" + text.encode())
    out = command("run", "jobs:size", "-i", "marked", "--format", kind, "-q")[1]
    assert out == ("ü\n" if kind == "lines" else '{"name": "ü"}\n')


def test_csv_is_utf8_whatever_the_locale_says(command):
    command.environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command.file("u.csv", "name\nü\n")
    code, out, _ = command("run", "jobs:size", "-i", "u.csv", "-q", "--json")
    assert (code, rows(out)[0]["value"]) == (0, {"name": "ü"})


@pytest.mark.parametrize(
    "text, message",
    [
        ("n,n\na,b\n", "error: odd.csv: two columns are named 'n'"),
        ("a,b\n1\n", "error: odd.csv, line 2: not as many columns"),
        ("a,b\n1,2,3\n", "error: odd.csv, line 2: not as many columns"),
        (b"a,b\n1,\xff\n", "error: odd.csv, line 2: not UTF-8"),
    ],
)
def test_a_csv_that_would_lose_data_is_refused(command, text, message):
    command.file("odd.csv", text)
    code, out, err = command("run", "jobs:size", "-i", "odd.csv")
    assert (code, out) == (2, "")
    assert message in err


def test_names_that_are_not_utf8_go_through_the_format_for_names(command):
    err = command("run", "jobs:size", "-i", "-", "-q", given=b"good\nb\xffd\n")[2]
    assert "stdin, line 2: not UTF-8" in err
    assert "--format null takes names of any bytes" in err
    out = command("run", "jobs:size", "-i", "-", "--format", "null", "-q", given=b"b\xffd\0")[1]
    assert os.fsencode(out) == b"b\xffd\n"


def test_patterns_give_files_only_in_order_and_each_once(command):
    (command.folder / "in" / "deep").mkdir(parents=True)
    for name in ("in/c", "in/a", "in/deep/b"):
        command.file(name, "")
    out = command("run", "jobs:size", "--files", "in/**", "--files", "in/*", "-q")[1]
    assert out.split() == ["in/a", "in/c", "in/deep/b"]


def test_a_long_name_that_ends_in_nul_is_read_in_one_go(command):
    code, out, _ = command("run", "jobs:size", "-i", "-", "--format", "null", "-q", given=b"x" * 5_000_000 + b"\0y\0")
    assert (code, [len(line) for line in out.splitlines()]) == (0, [5_000_000, 1])


@pytest.mark.parametrize("kind", ["lines", "jsonl", "csv", "null"])
def test_items_are_taken_as_they_come(command, kind):
    """The first one is done while the others are not even written."""
    first, head = {"null": (b"1\0", b""), "csv": (b"1\n", b"n\n")}.get(kind, (b"1\n", b""))
    process = command.start("run", "jobs:size", "-i", "-", "--format", kind, "-q")
    process.stdin.write(head + first)
    process.stdin.flush()
    assert b"1" in process.stdout.readline()


@pytest.mark.parametrize("end", ["the first fails", "nobody reads"])
def test_an_idle_stdin_does_not_spoil_the_end(command, end):
    """A thread is blocked in it when the interpreter ends."""
    job, code = ("jobs:broken", 2) if end == "the first fails" else ("jobs:size", 141)
    process = command.start("run", job, "-i", "-", "--grace", "0.1")
    if end == "nobody reads":
        process.stdout.close()
    process.stdin.write(b"a\nb\n")
    process.stdin.flush()
    assert process.wait(20) == code
    assert b"Fatal" not in process.stderr.read()


def test_a_closed_stdin_is_said(command):
    code, _, err = command.shell("iobound run jobs:size -i - <&-")
    assert code == 2
    assert err.startswith("error: stdin is closed")


def test_a_module_that_exits_when_imported_is_said(command):
    command.file("leaver.py", "def f(x): return x\nimport sys; sys.exit(0)\n")
    code, out, err = command("run", "leaver:f", "a")
    assert (code, out) == (2, "")
    assert err.startswith("error: importing 'leaver' called sys.exit(0)")


@pytest.mark.parametrize(
    "target, hint", [("sub/a.py:g", "did you mean sub.a:g?"), ("./jobs.py:upper", "did you mean jobs:upper?")]
)
def test_a_path_is_no_module(command, target, hint):
    code, _, err = command("run", target, "a")
    assert code == 2
    assert hint in err


def test_a_near_miss_of_a_command_is_named(command):
    code, _, err = command("hsh", "a")
    assert (code, "did you mean hash?" in err) == (2, True)


def test_nothing_at_all_shows_the_help(command):
    code, out, err = command()
    assert (code, err) == (0, "")
    assert out.startswith("Usage: iobound")


def test_hash_goes_on_past_links_that_lead_nowhere_and_passes_over_pipes(command):
    folder = command.folder / "tree"
    folder.mkdir()
    for name in ("a", "c"):
        (folder / name).write_text(name)
    (folder / "b").symlink_to("b")  # a circle
    (folder / "d").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    code, out, err = command("hash", "tree")
    assert code == 1
    assert [line.split()[1] for line in out.splitlines()] == ["tree/a", "tree/c"]
    assert "2 ok, 2 failed" in err


def test_the_longest_is_exact(command):
    err = command("run", "jobs:rest", "0.05", "--json")[2]
    longest = json.loads(err.splitlines()[-1])["run_s"]["max"]
    assert longest >= 0.05

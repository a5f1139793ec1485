"""The flags that limit, through the real command."""

from __future__ import annotations

import json

import pytest

from iobound.cli.remarks import spoken


def test_a_rate_holds_and_the_summary_names_it(command):
    items = [str(number) for number in range(60)]
    code, out, err = command("run", "jobs:upper", *items, "--rate", "50/s")
    assert (code, out.split()) == (0, items)
    assert "of the time for rate 50/s" in err


def test_several_rates_and_costs(command):
    code, out, _ = command("run", "jobs:upper", "a", "b", "--rate", "1000/s,60000/min", "--cost", "2.5", "-q")
    assert (code, out) == (0, "A\nB\n")


def test_a_rate_may_be_given_several_times_and_all_must_admit(command):
    flags = ["--rate", "1,000/s", "--rate", "7000/min", "--rate", "1000/s,9000/h"]
    _, _, err = command("run", "jobs:upper", "a", "b", *flags, "--cost", "2", "--dry-run")
    assert "--rate 1,000/s --rate 7000/min --rate 1000/s,9000/h --cost 2" in err
    code, out, err = command("run", "jobs:upper", "a", "b", *flags, "--cost", "7001", "--dry-run")
    assert (code, out) == (2, "")
    assert "error: a cost of 7001 requests can never pass the rate" in err
    assert command("run", "jobs:upper", "a", "b", *flags, "-q") == (0, "A\nB\n", "")


def test_a_rate_per_key_may_be_given_several_times(command):
    flags = ["--key", "jobs:upper", "--no-ordered", "--key-rate", "50/s", "--key-rate", "1/h"]
    code, out, err = command("run", "jobs:upper", "a", "a", *flags, "--timeout", "0.5")
    assert (code, out) == (3, "A\n")
    assert "took longer than --timeout" in err


def test_an_item_that_was_refused_blames_no_code_of_ours(command):
    code, _, err = command("run", "jobs:upper", "here", "--key", "host", "--key-rate", "9/s", "--no-ordered")
    assert code == 2
    assert "'here' names no host\n  hint: --key host needs URLs" in err


def test_what_the_library_remarks_is_said_in_flags_and_not_where_a_person_wants_quiet(command):
    flags = ["--key", "jobs:upper", "--key-concurrency", "1"]
    err = command("run", "jobs:upper", "a", *flags)[2]
    assert "warning: ordered results wait for those of blocked keys\n  hint: --no-ordered lets every key" in err
    assert command("run", "jobs:upper", "a", *flags, "-q") == (0, "A\n", "")


def test_a_dry_run_tells_what_was_written(command):
    flags = ["--key", "jobs:upper", "--rate", "9/s", "--cost", "jobs:size", "--no-ordered", "--memory", "50%"]
    err = command("run", "jobs:with_resource", "a", "--setup", "jobs:resource", *flags, "--dry-run")[2]
    assert "--setup jobs:resource" in err
    assert "--rate 9/s --cost jobs:size --key jobs:upper --memory 50%" in err
    assert "--no-ordered" in err


def test_keys_by_host_and_by_function(command):
    urls = ["https://a.example/1", "https://b.example/2"]
    flags = ["--key-concurrency", "1", "--no-ordered", "-q"]
    assert sorted(command("run", "jobs:size", *urls, "--key", "host", *flags)[1].split()) == urls
    assert sorted(command("run", "jobs:size", "ab", "cd", "--key", "jobs:upper", *flags)[1].split()) == ["ab", "cd"]


def test_what_fails_is_tried_again(command):
    command.file(
        "again.py", "tries = []\ndef f(item):\n    tries.append(item)\n    if len(tries) < 3: raise OSError('busy')\n"
    )
    code, out, _ = command("run", "again:f", "a", "--retry", "2", "--json")
    assert code == 0
    assert json.loads(out.splitlines()[0])["attempts"] == 3


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--rate", "fast"], "error: 'fast' is no rate"),
        (["--rate", "0/s"], "error: rate '0/s' lets nothing through"),
        (["--rate", "9/s", "--rate", "fast"], "error: 'fast' is no rate"),
        (["--key-concurrency", "2"], "error: --key-concurrency needs --key\n  hint: --key host for URLs"),
        (["--key", "host", "--buffersize", "9"], "error: --buffersize cannot be given with --key\n  hint: --lookahead"),
        (["--memory", "lots"], "error: --memory lots is not valid\n  hint: --memory takes a size"),
        (["--memory", "50"], "error: --memory 50 is not valid\n  hint: --memory takes at least 1 MB"),
        (["--memory", "100%"], "error: --memory 100% is not valid\n  hint: --memory takes a share"),
        (["--retry", "some"], "error: --retry some is not valid\n  hint: --retry takes a number of retries\n"),
        (["--rate", "1/s", "--cost", "-1"], "error: --cost -1 is not valid"),
        (["--cost", "3"], "error: --cost needs --rate\n  hint: --rate 100/s"),
        (["--key", "jobs:missing"], "error: 'jobs' has no 'missing'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(command, flags, message):
    code, out, err = command("run", "jobs:upper", "a", *flags)
    assert (code, out) == (2, "")
    assert err.startswith(message)
    assert "hint:" in err


@pytest.mark.parametrize(
    "told, said",
    [
        ("ordered=False lets every key go", "--no-ordered lets every key go"),
        ("4 of 9 items failed, max_errors=3%", "4 of 9 items failed, --max-errors 3%"),
        (
            "model='threads', concurrency=1 makes the same calls",
            "--model threads, --concurrency 1 makes the same calls",
        ),
        ("calls hang and no slot is left (max_abandoned=2)", "calls hang and no slot is left (--max-abandoned 2)"),
        ("give them a timeout, or raise max_abandoned", "give them a timeout, or raise --max-abandoned"),
        ("key takes 'host', or a function of an item", "--key takes 'host', or a function of an item"),
        ("write it as '100/s', or as Rate(100, per=1.0)", "write it as '100/s'"),
        ("the rate, the key and the memory", "the rate, the key and the memory"),
        ("model='a b' is not valid", "--model 'a b' is not valid"),
        ("--no-ordered and --key-rate stay", "--no-ordered and --key-rate stay"),
    ],
)
def test_keywords_are_said_as_flags(told, said):
    assert spoken(told) == said

"""The flags that limit, through the real command."""

from __future__ import annotations

import json

import pytest


def test_a_rate_holds_and_the_summary_names_it(command):
    items = [str(number) for number in range(60)]
    code, out, err = command("run", "jobs:upper", *items, "--rate", "50/s")
    assert (code, out.split()) == (0, items)
    assert "of the time for rate 50/s" in err


def test_several_rates_and_costs(command):
    code, out, _ = command("run", "jobs:upper", "a", "b", "--rate", "1000/s,60000/min", "--cost", "2.5", "-q")
    assert (code, out) == (0, "A\nB\n")


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
        (["--key-concurrency", "2"], "error: key_concurrency= needs key="),
        (["--key", "host", "--buffersize", "9"], "error: buffersize= cannot be given with key="),
        (["--memory", "lots"], "error: memory='lots' is not valid"),
        (["--retry", "some"], "error: retry='some' is not valid"),
        (["--cost", "-1"], "error: cost=-1 is not valid"),
        (["--key", "jobs:missing"], "error: 'jobs' has no 'missing'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(command, flags, message):
    code, out, err = command("run", "jobs:upper", "a", *flags)
    assert (code, out) == (2, "")
    assert err.startswith(message)
    assert "hint:" in err

"""What a sample counts, and what becomes of the records."""

from __future__ import annotations

import asyncio
import json
import threading
import time

import pytest

import regret_table
import report
from course import ENDLESS
from zoo import ZOO, Errand
from zoo_sample import PLAIN_PEERS, async_peer, async_run, options_of, plain_peer, plain_run

BOX = {"CPU": "one", "cores": "2", "commit": "abc"}


def errand(program="auto", concurrency=0, items=64, seconds=30.0):
    return Errand("small-files", program, concurrency, items, seconds, 1)


async def nap(number):
    await asyncio.sleep(0)


def test_a_whole_run_counts_every_result():
    sample = plain_run(str, errand(), {"model": "threads"})
    assert (sample["cut"], sample["failed"], len(sample["limits"])) == (False, 0, 16)
    assert sample["whole"] == pytest.approx(64 / sample["seconds"])
    assert sample["second"] > 0


def test_a_whole_run_on_a_loop_does_too():
    sample = asyncio.run(async_run(nap, errand(), {}))
    assert sample["whole"] == pytest.approx(64 / sample["seconds"])
    assert sample["second"] > 0


def test_failures_are_no_goodput():
    def odd(number):
        return 1 / (number % 2)

    sample = plain_run(odd, errand(), {"errors": "collect"})
    assert sample["failed"] == 32
    assert sample["whole"] == pytest.approx(32 / sample["seconds"])
    assert sample["second"] > 0


def test_the_second_half_is_that_of_the_calls_not_of_their_delivery():
    """The first item holds back all others, which are then delivered at once."""
    release = threading.Event()

    def call(number):
        if number == 0:
            release.wait(5)
        elif number == 63:
            release.set()
        else:
            time.sleep(0.002)

    sample = plain_run(call, errand(), {"concurrency": 4})
    assert sample["second"] < 4 / 0.002


def test_a_run_is_cut_short_when_its_time_is_up():
    sample = plain_run(lambda _: time.sleep(0.001), errand(items=0, seconds=0.1), {})
    assert sample["cut"]
    assert 0 < sample["whole"] * sample["seconds"] < ENDLESS


def test_a_run_is_cut_short_even_if_nothing_was_delivered():
    def first_hangs(number):
        time.sleep(0.3 if number == 0 else 0.001)

    sample = plain_run(first_hangs, errand(items=0, seconds=0.1), {"concurrency": 4})
    assert sample["cut"]
    assert sample["whole"] > 0


def test_an_error_of_the_work_is_not_taken_for_a_cut():
    def broken(number):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        plain_run(broken, errand(), {})


@pytest.mark.parametrize("name", ["ThreadPoolExecutor()", "asyncio.to_thread"])
def test_a_peer_does_the_same_work(name):
    done = []
    assert plain_peer(done.append, errand(name))["whole"] > 0
    assert sorted(done) == list(range(64))
    assert name in PLAIN_PEERS


def test_a_peer_is_cut_short_too():
    done = []

    def slow(number):
        time.sleep(0.01)
        done.append(number)

    assert plain_peer(slow, errand("ThreadPoolExecutor()", items=10_000, seconds=0.1))["whole"] > 0
    assert len(done) < 10_000
    assert (
        asyncio.run(async_peer(lambda number: asyncio.sleep(10 * number), errand("gather", seconds=0.1)))["whole"] > 0
    )


def test_auto_has_no_options_but_those_of_the_workload():
    assert options_of(errand(), ZOO["small-files"]) == {}
    assert options_of(errand(), ZOO["quota"]) == {"retry": 8, "errors": "collect"}
    assert options_of(errand("threads", 32), ZOO["small-files"]) == {"model": "threads", "concurrency": 32}
    assert options_of(errand("serial", 1), ZOO["small-files"]) == {"model": "serial"}


def record(name, ratio=0.95):
    """A record as `regret.py` makes it, of five rounds."""
    oracle = {"whole": [1000.0] * 5, "cpu": [0.3] * 5, "busy": [1.0] * 5, "others": [0.0, 0.1, 0.1, 0.2, 0.1]}
    auto = {"model": [""] * 5, "limit": [30, 32, 32, 32, 31], "limited_by": ["told so"] * 5, "limits": [[1, 32]] * 5}
    auto["others"] = oracle["others"]
    return {
        "about": ZOO[name].about,
        "box": BOX,
        "oracle": "threads 32",
        "search": [("threads 32", 990.0), ("threads 64", 980.0)],
        "ratios": {"whole": [ratio] * 5, "second": [ratio] * 5},
        "peers": {"ThreadPoolExecutor()": 0.31, "joblib": "not installed"},
        "samples": {"auto": auto, "threads 32": oracle},
    }


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(regret_table, "RESULTS", tmp_path)
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    return tmp_path


def test_without_results_there_is_nothing(results, capsys):
    assert regret_table.stored() == {}
    regret_table.publish_table({}, trial=False)
    assert (capsys.readouterr().out, list(results.iterdir())) == ("", [])


def test_a_record_replaces_that_of_its_workload_alone(results):
    regret_table.merge({"slots": record("slots", 0.5), "mixed": record("mixed", 0.6)})
    regret_table.merge({"slots": record("slots", 0.9), "zlib": record("zlib", 0.7)})
    kept = regret_table.stored()
    assert {name: each["ratios"]["whole"][0] for name, each in kept.items()} == {
        "slots": 0.9,
        "zlib": 0.7,
        "mixed": 0.6,
    }
    assert list(kept) == [name for name in ZOO if name in kept]


def test_what_left_the_zoo_leaves_the_results():
    assert list(regret_table.merged({"dodo": {}, "slots": {}}, {})) == ["slots"]


def test_the_table_and_its_data_are_kept_together(results, capsys):
    records = {name: record(name) for name in ZOO}
    regret_table.publish_table(records, trial=False)
    text = (results / f"{regret_table.NAME}.md").read_text()
    assert json.loads((results / f"{regret_table.NAME}.json").read_text())["workloads"].keys() == ZOO.keys()
    assert "threads 32 | 1000 | 0.3 / 1.0 | 30 to 32, told so | 0.95 [0.95, 0.95] | 0.95 [0.95, 0.95] | 0.31 |" in text
    assert text.count("**met**") == 4
    assert capsys.readouterr().out.strip() == text.strip()


def test_a_trial_is_only_shown(results, capsys):
    regret_table.publish_table({"slots": record("slots")}, trial=True)
    assert "A trial" in capsys.readouterr().out
    assert list(results.iterdir()) == []


def test_bars_are_judged_only_on_all_workloads(results, capsys):
    regret_table.publish_table({"slots": record("slots")}, trial=False)
    said = capsys.readouterr().out
    assert "workloads are missing" in said
    assert "**met**" not in said


def test_the_table_says_how_busy_the_cores_were():
    _, table, others, _ = regret_table.sections({"slots": record("slots")}, trial=True)
    assert "| 1000 | 0.3 / 1.0 |" in table
    assert others == "Others took 0.10 cores beside a run, at most 0.20."


def test_workloads_measured_apart_show_both_machines_states():
    later = {**BOX, "commit": "def"}
    assert regret_table.boxes([BOX, later, BOX]) == {**BOX, "commit": "abc to def"}


def test_a_line_for_who_tunes():
    line = regret_table.line_of("slots", record("slots"))
    assert line.startswith("slots: oracle threads 32 (or threads 64) 1000/s; auto whole run 0.95 [0.95, 0.95], second")
    assert line.endswith("came to 30 to 32, told so; on its way 1 32")

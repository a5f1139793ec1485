"""From figures to words: every recommendation here rests on measurements that were made up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from figures import BLOCKING, COMPUTING, SERIAL, WAITING, around, measured, threads, trial

from iobound.advisor.recommend import recommend
from iobound.words.findings import Candidate, Drawn, Interval, Split


def text(advice):
    return " ".join(str(advice).split())


def test_threads_are_clear_where_calls_wait():
    advice = recommend(measured({SERIAL: around(24.4), threads(32): around(610), threads(64): around(615)}))
    assert (advice.verdict, advice.model, advice.concurrency) == ("clear", "threads", 32)
    assert advice.ratio.low > 20
    assert advice.use == 'iobound.map(thumb, items, model="threads", concurrency=32)'
    assert "threads, concurrency 32 is clearly faster than serial: 610/s against 24.4/s" in advice.reasons[0]
    assert "93% of a call is waiting" in text(advice)
    assert "Little's law: 610/s x 41 ms = 25 calls in flight" in text(advice)
    assert [row.candidate for row in advice.rows] == [threads(64), threads(32), SERIAL]


def test_equal_candidates_are_too_close_to_call_and_the_simplest_is_named():
    advice = recommend(measured({SERIAL: around(100), threads(2): around(101)}))
    assert (advice.verdict, advice.model, advice.concurrency) == ("too close to call", "serial", 1)
    assert "serial is the simpler of the two" in advice.reasons
    assert advice.use == 'iobound.map(thumb, items, model="serial")'


def test_a_slight_difference_is_called_slight():
    faster = [104.0, 106.0, 108.0, 110.0, 112.0, 114.0, 109.0, 107.0, 113.0]
    advice = recommend(measured({SERIAL: [100.0] * 9, threads(2): faster}))
    assert (advice.verdict, advice.model) == ("slight", "threads")
    assert "slightly faster" in advice.reasons[0]


def test_threads_may_be_clearly_slower():
    advice = recommend(measured({SERIAL: around(100), threads(2): around(60)}, split=COMPUTING))
    assert (advice.verdict, advice.model) == ("clear", "serial")


def test_noise_is_inconclusive_and_the_remedy_is_a_budget():
    advice = recommend(measured({SERIAL: around(100), threads(2): around(110, spread=0.8)}))
    assert advice.verdict == "inconclusive"
    assert "a larger budget: about 2m00s; or a quieter machine" in advice.would_change


def test_a_few_rounds_are_inconclusive_however_far_apart():
    advice = recommend(measured({SERIAL: around(10, rounds=4), threads(8): around(80, rounds=4)}))
    assert (advice.verdict, advice.model) == ("inconclusive", "threads")
    assert "not certain after 4 of at least 5 rounds" in advice.reasons[0]


def test_with_no_time_for_more_than_the_base_nothing_is_compared():
    advice = recommend(measured({SERIAL: around(10)}))
    assert (advice.verdict, advice.model) == ("inconclusive", "serial")
    assert advice.reasons[0] == "there was no time to compare it with anything"
    assert "more than one call at a time" in advice.not_measured
    assert "stopped rising" not in text(advice)


def test_where_one_call_at_a_time_is_allowed_no_budget_would_help():
    advice = recommend(measured({SERIAL: around(10)}, most=1))
    assert advice.reasons[0] == "one call at a time is the most that max=1 allows: it was compared with nothing"
    assert advice.would_change == ("a larger max than 1: then there is something to compare",)


def test_the_gil_is_named_where_it_is_the_ceiling():
    busy = [trial(rate, cores=1.0) for rate in around(610)]
    advice = recommend(measured({SERIAL: around(24.4), threads(32): busy}))
    assert advice.rows[0].note == "GIL busy 88%: the ceiling"
    assert "threads stop near 690/s = 1/1.45 ms of GIL per call; processes would not" in advice.would_change


def test_a_vague_lower_bound_is_no_ceiling():
    split = replace(WAITING, gil=Interval(0.0, 0.00145, 0.0029))
    advice = recommend(measured({SERIAL: around(24.4), threads(32): around(610)}, split=split))
    assert advice.rows[0].note == ""
    assert "processes" not in text(advice)


def test_the_processors_are_named_where_they_are_the_ceiling():
    split = Split(80, wall=0.005, cpu=0.005, gil=Interval(0.0, 1e-5, 2e-5))
    full = [trial(rate, cores=1.92, latency=0.01) for rate in around(390)]
    advice = recommend(measured({SERIAL: around(200), threads(2): full}, split=split))
    assert advice.rows[0].note == "1.9 of 2 processors busy: the ceiling"
    assert "more processors (1.9 of 2 processors busy)" in advice.would_change
    assert "most of it without the GIL: threads can use several processors" in text(advice)


def test_other_programs_may_be_the_ceiling():
    half = [trial(rate, cores=0.9) for rate in around(100)]
    split = replace(WAITING, gil=None, unknown="other programs want the processors")
    advice = recommend(measured({SERIAL: around(24), threads(8): half}, others=1.0, split=split))
    assert advice.rows[0].note == "0.9 of 2 processors busy, 1.0 more by others: the ceiling"


def flat(latency):
    """A search that stopped rising at 8, with calls that then lasted so long."""
    curve = [(SERIAL, trial(25.0)), *((threads(n), trial(min(25.0 * n, 200.0), latency=0.041)) for n in (2, 4, 8))]
    return [*curve, (threads(16), trial(200.0, latency=latency / 2)), (threads(32), trial(200.0, latency=latency))]


def test_the_other_side_is_named_where_calls_queue_there():
    advice = recommend(measured({SERIAL: around(25), threads(8): around(200)}, curve=flat(latency=0.164)))
    assert "no model helps: throughput stops rising near 200/s" in text(advice)
    assert "the limit of the other side" not in text(advice)


def test_this_side_is_named_where_calls_take_no_longer():
    advice = recommend(measured({SERIAL: around(25), threads(8): around(200)}, curve=flat(latency=0.041)))
    assert "a quieter or faster machine, which starts more calls: throughput stops rising near 200/s" in text(advice)


def test_throughput_that_still_rises_asks_for_a_larger_max():
    curve = [(SERIAL, trial(25.0)), *((threads(n), trial(25.0 * n)) for n in (2, 4, 8))]
    advice = recommend(measured({SERIAL: around(25), threads(8): around(200)}, curve=curve, most=8))
    assert "a larger max than 8: throughput was still rising there" in advice.would_change


def test_a_search_that_ran_out_of_time_is_told():
    curve = [(SERIAL, trial(0.5)), (threads(2), trial(1.0)), (threads(4), trial(2.0))]
    advice = recommend(measured({SERIAL: around(0.5), threads(4): around(2.0)}, curve=curve))
    told = "more than 4 calls at a time, which the budget had no time to try: throughput was still rising"
    assert told in advice.would_change


def test_throughput_that_did_not_rise_is_not_said_to_rise():
    advice = recommend(measured({SERIAL: around(25), threads(2): around(25)}, most=2))
    assert "rising" not in text(advice)
    assert "more than 2 calls at a time" in advice.not_measured


def failing(rounds=9):
    return [trial(0.0, failed=100, failure="ValueError: not here") for _ in range(rounds)]


def test_a_model_under_which_all_calls_fail_is_no_rival():
    advice = recommend(measured({SERIAL: around(445), threads(2): failing()}))
    assert (advice.verdict, advice.model) == ("clear", "serial")
    assert advice.ratio == Interval(1.0, 1.0, 1.0)
    told = "nothing else works: threads, concurrency 2: all 900 calls failed (ValueError: not here)"
    assert advice.reasons[0] == told
    assert advice.rows[-1].note == "100% of the calls failed"
    assert "calls that succeed with threads, concurrency 2, too: then there is something to compare" in text(advice)
    for wrong in ("other side", "rising", "budget: about"):
        assert wrong not in text(advice)


def test_a_few_rounds_of_failures_are_inconclusive():
    assert recommend(measured({SERIAL: around(445, 4), threads(2): failing(4)})).verdict == "inconclusive"


def test_one_call_at_a_time_may_be_what_fails():
    advice = recommend(measured({SERIAL: failing(), threads(2): around(445)}))
    assert (advice.verdict, advice.model) == ("clear", "threads")


def test_where_all_fails_at_last_there_is_no_verdict_on_nothing():
    advice = recommend(measured({SERIAL: failing(), threads(2): failing()}))
    assert advice.model == "serial"


def test_refusals_of_the_other_side_are_told():
    curve = [(SERIAL, trial(25.0)), (threads(2), trial(50.0)), (threads(4), trial(60.0, failed=40))]
    refused = [trial(rate, failed=40) for rate in around(60)]
    drawn = Drawn(40, 100, 7, 1_000, 40, ("HTTPError: 429",))
    advice = recommend(
        measured({SERIAL: around(25), threads(2): around(50), threads(4): refused}, curve=curve, drawn=drawn)
    )
    assert "more than 4 calls at a time: calls began to fail, so the other side refuses them" in advice.not_measured
    assert advice.rows[0].note == "40% of the calls failed"
    assert ("40 of 1,000 calls failed: HTTPError: 429", "throughput counts those that succeeded") in advice.warnings


def test_an_async_function_is_compared_with_one_call_at_a_time():
    one, many = Candidate("asyncio", 1), Candidate("asyncio", 64)
    advice = recommend(measured({one: around(24), many: around(1_500)}))
    assert (advice.verdict, advice.model, advice.concurrency) == ("clear", "asyncio", 64)
    assert "vs one" in text(advice)
    assert "an async version" not in text(advice)


def test_a_busy_loop_is_the_ceiling_of_an_async_function():
    one, many = Candidate("asyncio", 1), Candidate("asyncio", 16)
    busy = [trial(rate, cores=0.97) for rate in around(320)]
    advice = recommend(measured({one: around(24), many: busy}))
    assert advice.rows[0].note == "the loop is busy 97%: the ceiling"
    assert "less CPU per call: one loop stops near 333/s = 1/3 ms" in advice.would_change


def test_a_loop_that_calls_block_is_the_ceiling():
    one, many = Candidate("asyncio", 1), Candidate("asyncio", 2)
    advice = recommend(measured({one: around(199), many: around(199)}, split=BLOCKING))
    assert advice.rows[0].note == "the loop is blocked 100%: the ceiling"
    assert "99% of a call blocks its event loop" in text(advice)
    assert "4.95 ms waiting (99%, 99% without await)" in text(advice)
    assert "calls that await: one loop stops near 200/s = 1/5 ms that each keeps" in advice.would_change
    assert advice.would_change[1].endswith("await what blocks through iobound.to_async")
    assert "a quieter or faster machine" not in text(advice)


def test_a_loop_that_is_blocked_for_a_part_of_each_call_has_its_ceiling_too():
    one, many = Candidate("asyncio", 1), Candidate("asyncio", 8)
    split = replace(BLOCKING, wall=0.015)
    advice = recommend(measured({one: around(66), many: around(190)}, split=split))
    assert "67% of a call is waiting, in which others can run" in advice.reasons
    assert advice.rows[0].note == "the loop is blocked 95%: the ceiling"


def test_what_was_not_run_is_an_estimate():
    advice = recommend(measured({SERIAL: around(24.4), threads(32): around(610)}))
    assert (
        "an async version of it (estimate: at most 333/s on one loop, which is 1/its CPU time)" in advice.not_measured
    )


def test_what_is_left_out_is_named():
    advice = recommend(measured({SERIAL: around(24.4), threads(32): around(610)}))
    assert any("start of threads" in each for each in advice.excluded)
    assert any("garbage collection" in each for each in advice.excluded)
    assert "the other 9,960 items (40 were drawn at random, seed 7)" in advice.not_measured
    split = replace(WAITING, gil=None, unknown="not measurable here: it takes two processors")
    told = recommend(measured({SERIAL: around(24.4), threads(32): around(610)}, split=split)).not_measured
    assert "how much of the CPU time holds the GIL (not measurable here: it takes two processors)" in told


def test_a_slow_start_has_a_number_of_items_that_pay_for_it():
    slow = [trial(rate, startup=2.001) for rate in around(200)]
    advice = recommend(measured({SERIAL: around(100), threads(2): slow}))
    assert "fewer than 400 items: its start (2 s) would not pay" in advice.would_change


@pytest.mark.parametrize(
    "more, told",
    [
        ({"others": 1.2}, "other programs kept 1.2 of 2 processors busy"),
        ({"others": 0.1}, ""),
        ({"others": None}, ""),
    ],
)
def test_a_busy_machine_is_told(more, told):
    advice = recommend(measured({SERIAL: around(24.4), threads(32): around(610)}, **more))
    assert [text for text, _ in advice.warnings] == [told] * bool(told)
    assert all(remedy for _, remedy in advice.warnings)


def test_hung_calls_are_told():
    drawn = Drawn(40, 40, 7, 1_000, 0, hung=2)
    advice = recommend(measured({SERIAL: around(24.4), threads(32): around(610)}, drawn=drawn))
    assert advice.warnings[0][0] == "2 trials ended without a call that did not come back"


def test_drift_is_told():
    drifting = [20.0] * 5 + [30.0] * 5
    advice = recommend(measured({SERIAL: drifting, threads(8): [8 * each for each in drifting]}))
    assert advice.warnings[0][0] == "one call at a time drifted by 50% meanwhile"
    assert advice.verdict == "clear"  # by pairs of the same round the drift is gone


def test_memory_is_what_the_first_trial_took():
    curve = [(SERIAL, trial(25.0)), (threads(8), trial(200.0, memory=5 << 20))]
    advice = recommend(measured({SERIAL: around(25), threads(8): around(200)}, curve=curve))
    assert advice.rows[0].memory == 5 << 20


def test_names_that_are_no_names_have_a_line_to_use_all_the_same():
    rates = {SERIAL: around(24.4), threads(32): around(610)}
    assert recommend(measured(rates, name="<lambda>")).use.startswith("iobound.map(fn, items")
    assert recommend(measured(rates, name="main.<locals>.job")).use.startswith("iobound.map(job, items")
    assert recommend(measured(rates, name="Client.get")).use.startswith("iobound.map(Client.get, items")


def test_its_short_form():
    advice = recommend(measured({SERIAL: around(24.4), threads(32): around(610)}))
    assert repr(advice) == "<iobound.Advice for thumb: threads, concurrency 32 (clear)>"

"""Retries: what is tried again, after how long, and how the responses of common clients are read."""

from __future__ import annotations

import email.message
import urllib.error
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest

from iobound import ItemCancelled, Retry, RetryBudget
from iobound.policies.budget import Stock
from iobound.policies.responses import retry_after, status_of
from iobound.policies.retry import SPREAD, transient
from iobound.words.attempt import Attempt


class Failed(Exception):  # noqa: N818 - it says what happened
    """An exception with what a client hangs on it."""

    def __init__(self, **facts: Any) -> None:
        super().__init__("failed")
        for name, value in facts.items():
            setattr(self, name, value)


def urllib_error(status: int, headers: dict[str, str]) -> Exception:
    message = email.message.Message()
    for name, value in headers.items():
        message[name] = value
    return urllib.error.HTTPError("https://a.example", status, "no", message, None)


def clients(status: int, headers: dict[str, str]) -> dict[str, Exception]:
    """The same response, as the exceptions of requests or httpx, aiohttp, urllib and botocore show it."""
    lower = {name.lower(): value for name, value in headers.items()}
    metadata = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": lower}, "Error": {"Code": "Slow"}}
    return {
        "requests": Failed(response=SimpleNamespace(status_code=status, headers=headers)),
        "aiohttp": Failed(status=status, headers=headers),
        "urllib": urllib_error(status, headers),
        "botocore": Failed(response=metadata),
    }


CLIENTS = list(clients(500, {}))


def attempt(error: Exception, number: int = 1) -> Attempt:
    made = Attempt()
    made.error, made.number = error, number
    return made


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    "status, again", [(429, True), (503, True), (500, True), (404, False), (401, False), (400, False)]
)
def test_the_status_of_every_client_is_read(client: str, status: int, again: bool) -> None:
    error = clients(status, {})[client]
    assert status_of(error) == status
    assert transient(error) is again


@pytest.mark.parametrize("client", CLIENTS)
def test_retry_after_in_seconds_is_read_from_every_client(client: str) -> None:
    assert retry_after(clients(429, {"Retry-After": "30"})[client]) == 30.0


@pytest.mark.parametrize("client", CLIENTS)
def test_retry_after_as_a_date_is_read_by_the_clock_of_the_server(client: str) -> None:
    sent = datetime(2020, 2, 2, tzinfo=UTC)  # its clock is years behind ours
    later = sent + timedelta(seconds=90)
    headers = {"Date": format_datetime(sent, usegmt=True), "Retry-After": format_datetime(later, usegmt=True)}
    assert retry_after(clients(503, headers)[client]) == 90.0


def test_a_date_without_the_servers_own_is_read_by_ours() -> None:
    later = datetime.now(UTC) + timedelta(seconds=120)
    error = Failed(headers={"Retry-After": format_datetime(later, usegmt=True)})
    assert 110 < (retry_after(error) or 0) <= 120


@pytest.mark.parametrize("told", ["soon", "", "nan", "inf", "-5", "+5", "1_0", "1e3", None, 7])
def test_nonsense_in_retry_after_is_no_pause(told: Any) -> None:
    assert retry_after(Failed(headers={"Retry-After": told})) is None


def test_fractions_are_understood_and_no_pause_is_longer_than_six_hours() -> None:
    distant = format_datetime(datetime.now(UTC) + timedelta(days=900), usegmt=True)
    pauses = [retry_after(Failed(headers={"Retry-After": told})) for told in ("1.5", "99999999", "9" * 400, distant)]
    assert pauses == [1.5, 6 * 3600, 6 * 3600, 6 * 3600]


def test_a_long_pause_that_a_server_asks_for_is_said(caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    monkeypatch.setattr("iobound.words.errors._said", set())
    for seconds in ("59", "7200"):
        Retry().judge(attempt(Failed(status=429, headers={"Retry-After": seconds})))
    [record] = caplog.records
    assert "7200 s" in record.getMessage()
    assert "deadline" in record.getMessage()


@pytest.mark.parametrize("headers", [None, 5, "text", object()])
def test_an_exception_with_other_things_by_these_names_is_no_response(headers: Any) -> None:
    error = Failed(headers=headers, response="text", status="bad", code=None)
    assert (retry_after(error), status_of(error)) == (None, None)


@pytest.mark.parametrize(
    "error", [OSError(), ConnectionResetError(), TimeoutError(), RuntimeError(), Failed()], ids=repr
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    assert transient(error)


@pytest.mark.parametrize(
    "error",
    [
        *(kind() for kind in (TypeError, KeyError, ValueError, AssertionError, ZeroDivisionError, FileNotFoundError)),
        *(kind() for kind in (ItemCancelled, KeyboardInterrupt, PermissionError, NotImplementedError, RecursionError)),
    ],
    ids=repr,
)
def test_bugs_and_what_lasts_are_not(error: BaseException) -> None:
    assert not transient(error)


def test_full_jitter_is_drawn_between_nothing_and_a_doubling_bound() -> None:
    retry = Retry(attempts=99, base=1.0, cap=8.0)
    for number, bound in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (9, 8.0), (98, 8.0)):
        pauses = [retry.judge(attempt(OSError(), number)) for _ in range(200)]
        seconds = [pause.seconds for pause in pauses if pause is not None]
        assert len(seconds) == 200
        assert min(seconds) < 0.2 * bound
        assert 0.8 * bound < max(seconds) <= bound


def test_what_the_other_side_asks_for_is_spread_upward_and_free() -> None:
    pauses = [Retry().judge(attempt(Failed(status=429, headers={"Retry-After": "10"}))) for _ in range(100)]
    for pause in pauses:
        assert pause is not None
        assert 10 <= pause.seconds <= 10 * (1 + SPREAD)
        assert (pause.key, pause.free) == (pause.seconds, True)


@pytest.mark.parametrize("status, after", [(503, "10"), (429, "0")])
def test_only_a_server_that_has_not_failed_and_asks_to_wait_is_asked_again_for_free(status: int, after: str) -> None:
    pause = Retry().judge(attempt(Failed(status=status, headers={"Retry-After": after})))
    assert pause is not None
    assert not pause.free


def test_a_group_is_transient_if_all_in_it_are() -> None:
    """A bug inside a `TaskGroup` arrives in one."""
    assert transient(ExceptionGroup("several", [OSError(), ConnectionError()]))
    assert not transient(ExceptionGroup("several", [OSError(), ExceptionGroup("inside", [AttributeError()])]))


def test_the_last_attempt_is_the_last() -> None:
    assert Retry(attempts=2).judge(attempt(OSError(), 1)) is not None
    assert Retry(attempts=2).judge(attempt(OSError(), 2)) is None


def test_a_call_that_was_given_up_is_repeated_only_if_on_names_its_error() -> None:
    late = attempt(TimeoutError())
    assert Retry().judge(late, abandoned=True) is None
    assert Retry(on=lambda error: True).judge(late, abandoned=True) is None
    assert Retry(on=TimeoutError).judge(late, abandoned=True) is not None
    assert Retry(on=(OSError, KeyError)).judge(late, abandoned=True) is not None  # TimeoutError is one
    assert Retry(on=KeyError).judge(late, abandoned=True) is None


@pytest.mark.parametrize("told, attempts", [(None, None), (0, None), (3, 4), (Retry(attempts=2), 2)])
def test_retry_is_read_as_people_write_it(told: Any, attempts: int | None) -> None:
    made = Retry.of(told)
    assert (made.attempts if made else None) == attempts


@pytest.mark.parametrize(
    "wrong",
    [
        *({"attempts": wrong} for wrong in (0, True, "3")),
        *({"on": wrong} for wrong in (5, int, (OSError, 5), ())),
        *({"jitter": wrong} for wrong in ("x", 1, None)),
        *({name: "x"} for name in ("base", "cap", "deadline", "wait", "budget")),
        {"deadline": float("nan")},
    ],
    ids=repr,
)
def test_a_retry_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match="is not valid"):
        Retry(**wrong)


async def later(*_: object) -> float:
    return 1.0


@pytest.mark.parametrize("name", ["on", "wait"])
def test_what_would_have_to_be_awaited_is_refused(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}= is an async function") as caught:
        Retry(**{name: later})  # type: ignore[arg-type]
    assert "hint" in caught.value.__notes__[0]


@pytest.mark.parametrize("beside", [{"base": 1.0}, {"cap": 5.0}, {"jitter": False}], ids=repr)
def test_what_wait_stands_in_for_is_not_given_beside_it(beside: Any) -> None:
    with pytest.raises(TypeError, match="would change nothing beside wait="):
        Retry(wait=lambda made, error: 1.0, **beside)


@pytest.mark.parametrize("wrong", [{"ratio": -1}, {"per_second": 0}, {"cap": 0}, {"cap": "x"}], ids=repr)
def test_a_budget_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match="is not valid"):
        RetryBudget(**wrong)


def test_a_stock_is_full_at_first_and_grows_by_time_and_by_success() -> None:
    stock = Stock(RetryBudget(ratio=0.5, per_second=2, cap=3), 0.0)
    assert [stock.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert stock.next_time() == pytest.approx(0.5)
    assert not stock.take(0.4)
    assert stock.take(stock.next_time())
    stock.deposit(0.5)
    stock.deposit(0.5)
    assert stock.take(0.5)
    assert not stock.full(1.0)
    assert stock.full(100.0)

"""Failures are told apart by what they say, and not by what they say it of."""

from __future__ import annotations

import pytest

from iobound.report.failures import GROUPS, Failures, without_item
from iobound.words.attempt import Outcome


class NotFound(Exception):  # noqa: N818
    """As a client of HTTP raises it."""


def failed(error, item="an item", index=0):
    return Outcome(None, error, index, item, None, 1, 0.0, 0.0, None)


def groups(*outcomes):
    """The groups of these failures: type and count, the largest first."""
    failures = Failures()
    for outcome in outcomes:
        failures.add(outcome)
    assert failures.count == len(outcomes)
    return [(group.kind, group.count) for group in failures.largest()]


WORDS = [chr(97 + number // 26) + chr(97 + number % 26) + "word" for number in range(400)]


@pytest.mark.parametrize(
    "message",
    [
        "404 for https://ex.org/{}",
        "404 for https://{}.org/",
        "cannot connect to {}.example.com: timed out",
        "cannot read /data/{}/file",
        "cannot read data\\{}\\file",
        "no answer for '{}'",
        "no answer for {}",
    ],
)
def test_what_differs_is_one_kind(message):
    """Addresses, hosts, paths, names in quotes, and the item itself."""
    assert groups(*(failed(NotFound(message.format(word)), word) for word in WORDS)) == [("NotFound", 400)]


def test_fields_of_an_item_are_its_own():
    outcomes = [failed(NotFound(f"nobody is called {word}"), {"name": word, "age": 7}) for word in WORDS]
    assert groups(*outcomes) == [("NotFound", 400)]


def test_the_rest_has_its_type():
    """Where no more kinds are told apart; and there is an end to types too."""
    told = groups(*(failed(NotFound(word)) for word in WORDS), *(failed(OSError(word)) for word in WORDS))
    assert told[:2] == [("OSError", 400), ("NotFound", 400 - GROUPS)]
    kinds = [type(f"Odd{word}", (Exception,), {}) for word in WORDS]
    told = groups(*(failed(kind(word)) for kind in kinds for word in WORDS[:2]))
    assert len(told) <= 2 * GROUPS + 1
    assert told[0][0] == "others"


def test_kinds_are_told_apart():
    assert groups(failed(NotFound("a key is wrong")), failed(NotFound("a door is shut")), failed(OSError("x"))) == [
        ("NotFound", 1),
        ("NotFound", 1),
        ("OSError", 1),
    ]


def test_short_items_are_words_of_a_message_and_not_letters_of_one():
    assert without_item("item a was late", "a") == "item  was late"
    assert without_item("404 of 40", 40) == "404 of "


def test_a_message_without_end_is_no_trouble():
    assert groups(failed(NotFound("a" * 1_000_000)), failed(NotFound("-a" * 1_000_000))) == [("NotFound", 1)] * 2


def test_an_error_that_has_no_text():
    class Mute(Exception):  # noqa: N818
        def __str__(self):
            raise RuntimeError

    failures = Failures()
    assert "whose text cannot be had" in failures.add(failed(Mute(), Mute())).example

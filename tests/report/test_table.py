"""Tables of plain text."""

from __future__ import annotations

import pytest

from iobound.report.table import table


def test_words_stand_left_and_figures_right() -> None:
    rows = [["a plain loop", "0.49", "1,790", "-", "same"], ["iobound", "10.2", "3", "24 MiB", "WRONG"]]
    assert table(["", "seconds", "done", "memory", "answer"], rows) == [
        "              seconds   done  memory  answer",
        "a plain loop     0.49  1,790       -  same",
        "iobound          10.2      3  24 MiB  WRONG",
    ]


def test_a_column_with_one_word_in_it_stands_left() -> None:
    assert table(["x"], [["1"], ["12 apples"]]) == ["x", "1", "12 apples"]


def test_a_row_that_is_too_short_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        table(["a", "b"], [["1"]])

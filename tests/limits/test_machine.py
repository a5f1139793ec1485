"""Descriptors and memory, in processes that have little of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from iobound.lab.child import measure
from iobound.lab.peaks import PROC

DESCRIPTORS = 256
linux = pytest.mark.skipif(not PROC, reason="needs /proc")


@pytest.fixture(autouse=True)
def programs_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def held(model: str, folder: Path, each: int, items: int) -> Any:
    order = ("programs_of_machine:hold_files", model, str(folder), items, each, 2000)
    measured = measure(*order, needs=["asyncio"], descriptors=DESCRIPTORS)
    assert measured.descriptor_limit == DESCRIPTORS
    assert measured.value["whole"] == items
    assert measured.value["failed"] == measured.value["retried"] == 0
    return measured


@linux
@pytest.mark.parametrize("model", ["threads", "asyncio"])
def test_five_thousand_files_are_held_where_256_descriptors_are_allowed(model: str, tmp_path: Path) -> None:
    measured = held(model, tmp_path, each=1, items=5000)
    assert measured.value["tried"] == 5000


@linux
@pytest.mark.parametrize("model", ["threads", "asyncio"])
def test_calls_that_need_three_descriptors_all_succeed_too(model: str, tmp_path: Path) -> None:
    measured = held(model, tmp_path, each=3, items=2000)
    assert 2000 < measured.value["tried"] < 4000  # some found none, and were made again: not at once


MODELS = pytest.mark.parametrize("model", ["threads", "asyncio"])
KEPT = pytest.mark.parametrize("kept", [False, True], ids=["sizes", "buffers"])
SLOW = pytest.mark.parametrize("slow", [False, True], ids=["a fast consumer", "a slow consumer"])


def filled(model: str, budget: int, size: int, *, kept: bool, slow: bool, late: str = "") -> float:
    value = measure("programs_of_machine:fill", model, budget, size, kept, slow, late, needs=["asyncio"]).value
    assert value["done"] == 100
    return value["peak"]


@linux
@MODELS
@KEPT
@SLOW
def test_a_memory_budget_holds(model: str, kept: bool, slow: bool) -> None:
    assert filled(model, 200, 10, kept=kept, slow=slow) < 1.2 * 200


@linux
@MODELS
@pytest.mark.parametrize("late", ["retry", "key"])
def test_a_memory_budget_holds_while_all_wait_for_the_first_item(model: str, late: str) -> None:
    """Nothing runs and nothing can be delivered: still only that item may start beyond the budget."""
    assert filled(model, 200, 10, kept=True, slow=False, late=late) < 1.2 * 200


@linux
@pytest.mark.torture
@MODELS
@KEPT
@SLOW
def test_a_memory_budget_of_a_gigabyte_holds(model: str, kept: bool, slow: bool) -> None:
    assert filled(model, 1000, 50, kept=kept, slow=slow) < 1.2 * 1000


@linux
@pytest.mark.parametrize(
    "ordered", [pytest.param(True, marks=pytest.mark.torture), False], ids=["in order", "as completed"]
)
def test_a_hundred_thousand_keys_take_no_more_memory_than_ten_thousand(ordered: bool) -> None:
    value = measure("programs_of_machine:meet_keys", 100_000, 10_000, ordered, needs=["asyncio"]).value
    assert value["met"] == 100_000
    assert max(value["most"]) <= 2048
    assert value["grown"] < 8

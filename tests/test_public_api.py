"""The public face: which names there are, that each is documented, and what importing iobound costs."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile

import pytest

PUBLIC = {
    "iobound": [
        "AdaptiveLimit",
        "Advice",
        "BlockingLoopWarning",
        "Current",
        "Durations",
        "Executor",
        "FixedLimit",
        "HungCalls",
        "ItemCancelled",
        "Limiter",
        "Outcome",
        "Overloaded",
        "Rate",
        "Retry",
        "RetryBudget",
        "Run",
        "Stats",
        "TooManyErrors",
        "advise",
        "current",
        "map",
        "spent",
        "starmap",
        "to_async",
        "to_sync",
    ],
    "iobound.models": ["Asyncio", "Model", "Serial", "Threads"],
    "iobound.policies": ["host_of", "retry_after", "status_of", "transient"],
    "iobound.testing": [
        "HANG",
        "Act",
        "Appointment",
        "AsyncScripted",
        "Played",
        "Refused",
        "Scripted",
        "Simulated",
        "SimulatedServer",
        "VirtualClock",
        "VirtualLoop",
        "run_virtual",
    ],
}
"""A name that is added, renamed or dropped changes this list, on purpose."""

NAMES = [pytest.param(module, name, id=f"{module}.{name}") for module in PUBLIC for name in PUBLIC[module]]


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_these(module: str) -> None:
    assert sorted(import_module(module).__all__) == sorted(PUBLIC[module])


@pytest.mark.parametrize("module, name", NAMES)
def test_a_public_object_is_documented_and_ours(module: str, name: str) -> None:
    thing = getattr(import_module(module), name)
    assert (thing.__doc__ or "").strip(), "has no docstring"
    assert thing.__module__.split(".")[0] == "iobound"


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_is_documented(module: str) -> None:
    assert (import_module(module).__doc__ or "").strip()


def test_importing_iobound_imports_nothing_heavy() -> None:
    heavy = {"asyncio", "click", "concurrent.futures", "logging", "rich", "sqlite3"}
    program = f"import sys, iobound; print(*sorted({heavy!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_what_is_imported_late_is_there_all_the_same() -> None:
    program = "import iobound; assert 'Executor' in dir(iobound); from iobound import *; print(Executor.__name__)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "Executor\n"
    with pytest.raises(AttributeError, match="has no attribute 'Exekutor'"):
        import_module("iobound").Exekutor  # noqa: B018


def test_the_wheel_says_that_iobound_is_typed(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=Path(__file__).parent.parent, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        assert "iobound/py.typed" in archive.namelist()

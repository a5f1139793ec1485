"""The reference is written by hand; this holds it to the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import iobound
import iobound.models
import iobound.testing
from iobound.options import Options

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
CODE = re.compile(r"`([^`]+)`")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    page = REFERENCE.read_text(encoding="utf-8")
    section = page.split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None, f"no table below {heading}"
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(heading: str) -> set[str]:
    """The names in the first column of a table."""
    return {name for row in rows(heading) for name in CODE.findall(row[0])}


def test_the_keywords_and_their_defaults_are_those_of_the_options() -> None:
    documented = {CODE.findall(name)[0]: CODE.findall(default)[0] for name, default, _ in rows("### Keywords")}
    assert documented == {each.name: repr(each.default).replace("'", '"') for each in fields(Options)}


def test_every_field_of_an_outcome_is_documented() -> None:
    assert names("## `Outcome`") == {"ok", *(each.name for each in fields(iobound.Outcome))}


def test_every_field_of_the_statistics_is_documented() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    listed = page.split("## `Stats`\n", 1)[1].split("`")[1].split()
    assert listed == [each.name for each in fields(iobound.Stats)]
    guide = (REFERENCE.parent / "guides" / "hooks-and-stats.md").read_text(encoding="utf-8")
    assert [name for name in listed if f"`{name}`" not in guide] == []


def test_every_field_of_the_current_attempt_is_documented() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    listed = page.split("a `Current`, with `", 1)[1].split("`")[0].split()
    assert listed == [each.name for each in fields(iobound.Current)]


def test_every_public_name_is_in_the_reference() -> None:
    page = REFERENCE.read_text(encoding="utf-8")
    assert [name for name in iobound.__all__ if f"`{name}" not in page and f"`iobound.{name}" not in page] == []


def test_every_model_and_every_name_for_tests_is_in_the_reference() -> None:
    assert names("## `iobound.testing`") == set(iobound.testing.__all__)
    page = REFERENCE.read_text(encoding="utf-8").split("\n## `iobound.models`\n", 1)[1]
    assert [name for name in iobound.models.__all__ if f"`{name}" not in page] == []


def test_every_public_member_of_a_run_is_in_the_reference() -> None:
    table = {name.split("(")[0].removeprefix("await ") for name in names("## `Run`")}
    public = {name for name in vars(iobound.Run) if not name.startswith("_")}
    assert public - table - {"skips"} == set()


def test_the_links_of_the_pages_lead_somewhere() -> None:
    repository = REFERENCE.parent.parent
    broken = []
    for page in [repository / "README.md", *repository.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []

"""The shape of the package: rooms in one order, imports up that order only, and nothing too long.

Every rule is a generator of `Violation`s over one parsed file, so that the made-up packages at the end, which
break the rules on purpose, go through the very code that judges the real one.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = Path(__file__).parent.parent / "src" / "iobound"

ROOMS = (
    "words",
    "policies",
    "core",
    "models",
    "options",
    "observers",
    "journal",
    "signals",
    "report",
    "api",
    "jobs",
    "advisor",
    "lab",
    "testing",
    "cli",
)
"""In order: a room may enter itself and those before it."""

FRONT = "__init__"
"""The package's own `__init__`: to import from it is to enter `api`."""

DOOR = "__main__"
"""`python -m iobound`: the command line."""

SPECIAL = {
    DOOR: {"cli"},
    FRONT: {"words", "policies", "options", "api", "advisor"},
    "testing": {*ROOMS[: ROOMS.index("api") + 1], "testing"},
}
"""Who may enter less than the order would let it. The front has `advise` of the advisor, imported when asked for."""

LONGEST_FILE = 300
LONGEST_FUNCTION = 50
HOT_PATHS = {"models/task_worker": {"_steps": 68}, "models/thread_worker": {"_loop": 54}}
"""The two loops that every item runs through: each call they were split into would be paid by every item."""
EMPTY_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?)(_|$)")


@dataclass(frozen=True)
class Violation:
    """One rule broken in one place."""

    path: Path
    line: int
    rule: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}"


@dataclass(frozen=True)
class Source:
    """One parsed file of the package whose root is `package`."""

    package: Path
    path: Path
    text: str = field(init=False, repr=False)
    tree: ast.Module = field(init=False, repr=False)

    def __post_init__(self) -> None:
        text = self.path.read_text(encoding="utf-8")
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "tree", ast.parse(text, str(self.path)))

    @property
    def parts(self) -> tuple[str, ...]:
        """Where the file is inside the package, without its ending: `("models", "threads")`."""
        return self.path.relative_to(self.package).with_suffix("").parts

    @property
    def room(self) -> str:
        """The room that the file belongs to, or `FRONT`."""
        return self.parts[0]

    def broken(self, line: int, rule: str) -> Violation:
        """This rule is broken at this line."""
        return Violation(self.path, line, rule)


# --- imports ---


def imported(source: Source) -> Iterator[tuple[int, str]]:
    """Every module or name of the package that the file imports, wherever it does so: line, dotted path.

    Imports in functions and under `if TYPE_CHECKING:` count, as do literal names given to `import_module`.
    """
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = ".".join(filter(None, [origin(source, level), module]))
                yield from ((alias.lineno, f"{base}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def origin(source: Source, level: int) -> str:
    """The package that an import of this level (the number of dots) starts from."""
    if not level:
        return ""
    return ".".join(["iobound", *source.parts[: len(source.parts) - level]])


def entered(dotted: str) -> str | None:
    """The room that an import enters; None for one outside the package."""
    first, *inside = dotted.split(".")
    if first != "iobound":
        return None
    return inside[0] if inside and inside[0] in ROOMS else "api"


def wrong_imports(source: Source) -> Iterator[Violation]:
    """Imports that go down the order of rooms."""
    room = source.room
    if room not in {FRONT, DOOR, *ROOMS}:
        return  # reported by `unknown_rooms`
    allowed = SPECIAL.get(room) or {*ROOMS[: ROOMS.index(room) + 1]}
    for line, dotted in imported(source):
        target = entered(dotted)
        if target and target not in allowed:
            may = ", ".join(name for name in ROOMS if name in allowed)
            yield source.broken(line, f"'{room}' imports {dotted}, but may enter only: {may}")


# --- size and names ---


def long_file(source: Source) -> Iterator[Violation]:
    """Files of more than 300 lines."""
    lines = len(source.text.splitlines())
    if lines > LONGEST_FILE:
        yield source.broken(lines, f"{lines} lines; a file has at most {LONGEST_FILE}")


def long_functions(source: Source) -> Iterator[Violation]:
    """Functions of more than 50 lines, from `def` to their last; docstrings count, decorators do not."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            longest = HOT_PATHS.get("/".join(source.parts), {}).get(node.name, LONGEST_FUNCTION)
            if lines > longest:
                rule = f"{node.name}() has {lines} lines; a function has at most {longest}"
                yield source.broken(node.lineno, rule)


def empty_names(source: Source) -> Iterator[Violation]:
    """Files and folders called utils, helpers or manager."""
    for part in source.parts:
        if EMPTY_NAMES.search(part):
            yield source.broken(1, f"'{part}' names no subject: no utils, helpers or manager")


def unknown_rooms(package: Path) -> Iterator[Violation]:
    """What lies in the package beside the rooms and its `__init__`."""
    for path in sorted(package.iterdir()):
        modules = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))
        if modules and path.stem not in {*ROOMS, FRONT, DOOR}:
            yield Violation(modules[0], 1, f"'{path.stem}' is no room; the rooms are: {', '.join(ROOMS)}")


RULES: tuple[Callable[[Source], Iterator[Violation]], ...] = (
    wrong_imports,
    long_file,
    long_functions,
    empty_names,
)


def violations(package: Path) -> list[str]:
    """All that is wrong with a package, as `file:line: rule`; files are named from its root."""
    found = list(unknown_rooms(package))
    for path in sorted(package.rglob("*.py")):
        source = Source(package, path)
        found += [violation for rule in RULES for violation in rule(source)]
    return [f"{one.path.relative_to(package).as_posix()}:{one.line}: {one.rule}" for one in found]


# --- the package ---

FILES = [pytest.param(path, id=path.relative_to(PACKAGE).as_posix()) for path in sorted(PACKAGE.rglob("*.py"))]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("path", FILES)
def test_the_file_keeps_the_rule(path: Path, rule: Callable[[Source], Iterator[Violation]]) -> None:
    found = [str(violation) for violation in rule(Source(PACKAGE, path))]
    assert not found, "\n" + "\n".join(found)


def test_every_room_is_in_the_list() -> None:
    assert FILES
    found = [str(violation) for violation in unknown_rooms(PACKAGE)]
    assert not found, "\n" + "\n".join(found)


# --- made-up packages that the checker must see through ---


def made_up(root: Path, files: dict[str, str]) -> Path:
    """A package of these files."""
    package = root / "iobound"
    for name, text in {"__init__.py": "", "py.typed": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package


def test_a_package_that_keeps_the_rules_passes(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from iobound.api import map\nfrom iobound.words.errors import HungCalls",
        "words/__init__.py": "from . import clock\nfrom .clock import now",
        "words/clock.py": "import time",
        "core/run.py": "import iobound.words.clock\nfrom ..policies import rate\nfrom . import delivery",
        "models/asyncio.py": "import asyncio\nfrom iobound.core.run import Core",
        "options.py": "from iobound.models import NAMES\nfrom iobound.policies.rate import Rate",
        "api/__init__.py": "from iobound import options",
        "testing.py": "import iobound\nfrom iobound import map, words\nimport iobound.api",
        "cli/run.py": "import iobound\nfrom iobound.lab import claims\nfrom iobounds import other",
        "words/long.py": "\n" * LONGEST_FILE,
        "core/function.py": "def f():\n" + "    f()\n" * (LONGEST_FUNCTION - 1),
        "core/managed.py": "",
        "leftover/__pycache__/old.pyc": "",
    }
    assert violations(made_up(tmp_path, files)) == []


@pytest.mark.parametrize(
    "name, text, place, rule",
    [
        ("core/run.py", "\nimport iobound.models", "core/run.py:2:", "'core' imports iobound.models, "),
        ("core/run.py", "from iobound.models.threads import T", "core/run.py:1:", "iobound.models.threads.T"),
        ("core/run.py", "from iobound import api", "core/run.py:1:", "'core' imports iobound.api, "),
        ("core/run.py", "from iobound import map", "core/run.py:1:", "'core' imports iobound.map, "),
        ("core/run.py", "import iobound", "core/run.py:1:", "'core' imports iobound, "),
        ("core/run.py", "from .. import (\n    words,\n    models,\n)", "core/run.py:3:", "iobound.models, "),
        ("core/__init__.py", "from ..api import map", "core/__init__.py:1:", "imports iobound.api.map"),
        ("core/run.py", "def f():\n    from iobound.api import map", "core/run.py:2:", "iobound.api.map"),
        (
            "core/run.py",
            "if TYPE_CHECKING:\n    from iobound.api import Run",
            "core/run.py:2:",
            "iobound.api.Run",
        ),
        ("core/run.py", "importlib.import_module('iobound.api')", "core/run.py:1:", "imports iobound.api, "),
        (
            "models/clusters/dask.py",
            "from ...api import map",
            "models/clusters/dask.py:1:",
            "iobound.api.map",
        ),
        (
            "words.py",
            "from iobound.policies import rate",
            "words.py:1:",
            "'words' imports iobound.policies.rate",
        ),
        ("testing.py", "from iobound.lab import x", "testing.py:1:", "'testing' imports iobound.lab.x"),
        ("__init__.py", "from .core import run", "__init__.py:1:", "'__init__' imports iobound.core.run"),
        ("words/long.py", "\n" * 301, "words/long.py:301:", "301 lines"),
        ("core/f.py", "\n@x\ndef f():\n" + "    f()\n" * 50, "core/f.py:3:", "f() has 51 lines"),
        ("core/f.py", "class C:\n  async def f():\n" + "    f()\n" * 50, "core/f.py:2:", "f() has 51 lines"),
        ("core/utils.py", "", "core/utils.py:1:", "'utils' names no subject"),
        ("core/helpers/a.py", "", "core/helpers/a.py:1:", "'helpers' names no subject"),
        ("core/task_manager.py", "", "core/task_manager.py:1:", "'task_manager' names no subject"),
        ("plugins/a.py", "", "plugins/a.py:1:", "'plugins' is no room"),
        ("shared.py", "import iobound.api", "shared.py:1:", "'shared' is no room"),
    ],
)
def test_a_broken_rule_is_reported(tmp_path: Path, name: str, text: str, place: str, rule: str) -> None:
    (found,) = violations(made_up(tmp_path, {name: text}))
    assert found.startswith(place)
    assert rule in found

"""Documentation that does not run is wrong: the Python blocks of README and docs, and docstring examples.

The blocks of a page run in order, as one script in an empty folder. A block may `await` at its top level. One
that follows the comment `<!-- not run -->` is left out.
"""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import linecache
import re
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parent.parent
SOURCES = REPOSITORY / "src"
NOT_RUN = "<!-- not run -->"
FENCE = re.compile(
    r"^(?P<indent>[ \t]*)(?P<fence>```+|~~~+)[ \t]*(?P<language>[\w+-]*)(?P<rest>[^\n`]*)\n"
    r"(?P<code>.*?)^[ \t]*(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One block of a page: its code, and the line of the page on which the code starts."""

    code: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """The Python blocks of a page that are to run."""
    for match in FENCE.finditer(page):
        skipped = page[: match.start()].rstrip().endswith(NOT_RUN)
        if match["language"] == "python" and not skipped:
            yield Block(dedent(match["code"]), page.count("\n", 0, match.start("code")) + 1)


def run(page: Path, name: str) -> None:
    """Run a page's blocks in `__main__`.

    In a traceback the file is `name:line of the block`, and the line is that of the page.
    """
    namespace = sys.modules["__main__"].__dict__
    for block in blocks(page.read_text(encoding="utf-8")):
        filename = f"{name}:{block.line}"
        source = "\n" * (block.line - 1) + block.code
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        code = compile(source, filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, namespace))  # noqa: S307 - our own documentation
        else:
            exec(code, namespace)  # noqa: S102 - our own documentation


@pytest.fixture
def fresh_main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An empty `__main__` in an empty folder: a page is a script, its definitions can be found by name."""
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.chdir(tmp_path)
    yield main
    vars(main).clear()  # as at the end of a program


PAGES = [
    pytest.param(page, id=page.relative_to(REPOSITORY).as_posix())
    for page in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    if page.exists() and any(blocks(page.read_text(encoding="utf-8")))
]
MODULES = [
    ".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((SOURCES / "iobound").rglob("*.py"))
    if path.name != "__main__.py"
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("fresh_main")
def test_the_blocks_of_the_page_run(page: Path) -> None:
    run(page, page.relative_to(REPOSITORY).as_posix())


@pytest.mark.parametrize("name", MODULES)
def test_the_docstring_examples_of_the_module_hold(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        module = import_module(name)
    except ModuleNotFoundError as missing:
        if (missing.name or "iobound").split(".")[0] == "iobound":
            raise
        pytest.skip(f"needs {missing.name}")
    outcome = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert not outcome.failed, "see the output above"


# --- the extractor itself ---

PAGE = """\
# A page

```python
from __future__ import annotations
numbers = [1]
```

<!-- not run -->

```python
numbers.append("never")
```

```sh
python -c 'not ours'
```

- in a list:

  ```python title="later"
  import asyncio

  await asyncio.sleep(0)
  numbers.append(2)
  ```

````md
```python
numbers.append("shown, not run")
```
````

```python
def show():
    raise LookupError(numbers)

if __name__ == "__main__":
    show()
```
"""


def test_the_blocks_of_a_page_run_in_order_and_failures_name_the_place(tmp_path: Path, fresh_main: ModuleType) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    with pytest.raises(LookupError) as caught:
        run(page, "page.md")
    assert fresh_main.numbers == [1, 2]
    assert caught.value.args == ([1, 2],)
    last = caught.traceback[-1]
    assert str(last.frame.code.raw.co_filename) == "page.md:34"
    assert PAGE.splitlines()[last.lineno] == "    raise LookupError(numbers)"
    assert "raise LookupError(numbers)" in str(last.statement)


def test_a_page_without_blocks_has_none() -> None:
    assert list(blocks("# Title\n\n`python`\n\n```sh\nls\n```\n")) == []

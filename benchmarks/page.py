"""The page of the documentation with all committed results: `python benchmarks/page.py` renews docs/benchmarks.md."""

from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
ORDER = (
    "regret",
    "asyncio",
    "feeder",
    "sync",
    "threads",
    "naps",
    "stall",
    "files",
    "extras",
    "limits",
    "keys",
    "shared",
    "import",
    "waiting",
    "lazy",
    "large",
    "small",
    "start",
    "http",
    "rate",
    "limiters",
)
INTRODUCTION = """# What it costs

All figures here were measured by `make bench`, `make bench-memory`, `make bench-regret` and the other scripts in
`benchmarks/`, and stand as they came out, those that miss their bar too. Yours will differ, the ratios less than the
rest.

"""


def page() -> str:
    """How it was measured, then every table."""
    how = (HERE / "README.md").read_text(encoding="utf-8").split("## How a figure is made", 1)[1]
    how = how.split("\n## Files", 1)[0]
    results = sorted((HERE / "results").glob("*.md"))
    tables = [_demoted(path) for section in ORDER for path in results if section in path.stem.split("-")]
    return INTRODUCTION + "\n".join(tables) + "\n## How a figure is made" + how


def _demoted(path: Path) -> str:
    """A table of results, its headings one level down."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join("#" + line if line.startswith("#") else line for line in lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

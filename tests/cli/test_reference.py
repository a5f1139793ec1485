"""The page of the command line says what the command says."""

from pathlib import Path

from iobound.cli.reference import renewed

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


def test_the_page_is_up_to_date():
    """Renew it by `python -m iobound.cli.reference docs/command-line.md`."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page)

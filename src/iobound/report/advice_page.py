"""An advice as HTML: a fragment for notebooks, and one page that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from iobound.report.advice import CODE, cells, head, headline, paragraphs, recommendation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iobound.words.findings import Findings

STYLE = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; text-align: left; }
tr + tr { border-top: 1px solid #8886; } code { font-family: ui-monospace, monospace; }
"""


def page(advice: Findings) -> str:
    """A whole page, light or dark as the reader likes it."""
    title = f"iobound advise: {escape(advice.name)}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n{body(advice)}\n</body></html>\n"
    )


def body(advice: Findings) -> str:
    """What a notebook shows."""
    return "\n".join(
        [
            f"<p>{escape(headline(advice))}</p>",
            _table(head(advice), [cells(row) for row in advice.rows]),
            f"<p><strong>{escape(recommendation(advice))}</strong></p>",
            *_paragraphs(advice),
        ]
    )


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in names)
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return f"<table><tr>{top}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _paragraphs(advice: Findings) -> Iterator[str]:
    for title, texts in paragraphs(advice):
        tag = "code" if title == CODE else "span"
        listed = "".join(f"<li><{tag}>{escape(text)}</{tag}></li>" for text in texts)
        if listed:
            yield f"<p><strong>{escape(title)}</strong></p><ul>{listed}</ul>"

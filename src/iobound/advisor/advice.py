"""`Advice`: what `iobound.advise` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iobound.report.advice import facts, lines
from iobound.report.advice_page import body, page
from iobound.words.findings import Findings

if TYPE_CHECKING:
    from pathlib import Path


class Advice(Findings):
    """What `iobound.advise` has measured and recommends. As text a table, in a notebook HTML.

    `model` and `concurrency` are the recommendation, `verdict` says how sure it is, `rows` hold the figures of the
    finalists with every trial; `reasons`, `would_change`, `not_measured`, `excluded` and `warnings` say the rest in
    words.

    Example:
        >>> import iobound
        >>> advice = iobound.advise(len, ["one", "three"], budget=0.5, max=2)
        >>> advice.model in ("serial", "threads"), advice.drawn.used, str(advice).splitlines()[0][:10]
        (True, 2, 'len: plain')
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(lines(self))

    def __repr__(self) -> str:
        return f"<iobound.Advice for {self.name}: {self.model}, concurrency {self.concurrency} ({self.verdict})>"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain lists, dicts, texts and numbers: what `--json` writes."""
        return facts(self)

    def save(self, path: str | Path) -> None:
        """Write it as one page of HTML that needs nothing else.

        Raises:
            OSError: it cannot be written.
        """
        from pathlib import Path  # noqa: PLC0415 - only who writes a page pays for it

        Path(path).write_text(page(self), encoding="utf-8")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return body(self)

"""Durations and rates as people read them."""

from __future__ import annotations


def span(seconds: float) -> str:
    """A duration for people.

    Example:
        >>> [span(seconds) for seconds in (12e-6, 0.0034, 5.67, 248, 7380)]
        ['12 us', '3.4 ms', '5.67 s', '4m08s', '2h03m']
    """
    if seconds < 1e-3:  # noqa: PLR2004
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"  # noqa: PLR2004


def figure(number: float) -> str:
    """A number of three digits, or whole and with commas.

    Example:
        >>> [figure(number) for number in (0.0123, 2.5, 24.42, 610.4, 51234.5)]
        ['0.0123', '2.5', '24.4', '610', '51,234']
    """
    return f"{number:.3g}" if number < 100 else f"{number:,.0f}"  # noqa: PLR2004

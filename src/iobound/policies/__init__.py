"""What decides whether an attempt may start, and whether a failed one is made again.

Pure rules: none reads a clock, sleeps or calls the user's code. Each is a gate (`iobound.words.gates`) or the rule
inside one, handed the time by whoever asks. Public are the questions that `Retry(on=...)`, `Retry(wait=...)` and `key=`
ask by default, for functions of your own that ask more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iobound.words.later import later

if TYPE_CHECKING:
    from iobound.policies.limits import host_of
    from iobound.policies.responses import retry_after, status_of
    from iobound.policies.retry import transient

__all__ = ["host_of", "retry_after", "status_of", "transient"]

__getattr__ = later(
    __name__,
    {
        "host_of": "policies.limits",
        "retry_after": "policies.responses",
        "status_of": "policies.responses",
        "transient": "policies.retry",
    },
)

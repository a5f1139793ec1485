"""What the exceptions of common clients tell of the response behind them. No client is imported for it.

requests, httpx, httpx2: `error.response.status_code` and `.headers`; aiohttp: `error.status`, `error.headers`; urllib:
`error.code`, `error.headers`; botocore: `error.response["ResponseMetadata"]`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from iobound.words.errors import Overloaded
from iobound.words.limiting import Told

LONGEST = 6 * 3600.0
"""Seconds. A server that asks for a longer pause is asked again after this one, as urllib3 does."""
REFUSALS = frozenset({429, 503, 529})
"""HTTP statuses of a server that has too much to do."""
TIMEOUTS = frozenset({408, 504})
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
"""Error codes that botocore takes for throttling."""
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
"""RFC 9110 has digits only; some servers send fractions."""


def status_of(error: BaseException) -> int | None:
    """The HTTP status that made the error, None if there was none.

    Example:
        >>> from urllib.error import HTTPError
        >>> from iobound.policies import status_of
        >>> status_of(HTTPError("http://localhost/", 503, "busy", {}, None)), status_of(OSError())
        (503, None)
    """
    metadata = _metadata(error)
    response = getattr(error, "response", None)
    for place, name in ((metadata, "HTTPStatusCode"), (response, "status_code"), (error, "status"), (error, "code")):
        status = place.get(name) if isinstance(place, Mapping) else getattr(place, name, None)
        if isinstance(status, int) and 100 <= status < 600:  # noqa: PLR2004 - RFC 9110, section 15
            return status
    return None


def overload(error: BaseException) -> Told | None:
    """What the error tells about the load on the other side, if anything."""
    status = status_of(error)
    if status in REFUSALS or isinstance(error, Overloaded) or _code(error) in THROTTLED:
        return Told.REFUSED if retry_after(error) is None else Told.WAIT
    slow = any("Timeout" in kind.__name__ for kind in type(error).__mro__)  # every client has a class of its own
    return Told.TIMED_OUT if slow or status in TIMEOUTS else None


def _code(error: BaseException) -> object:
    """The code of an error of AWS, which botocore raises with many a status."""
    response = getattr(error, "response", None)
    told = response.get("Error") if isinstance(response, Mapping) else None
    return told.get("Code") if isinstance(told, Mapping) else None


def retry_after(error: BaseException) -> float | None:
    """The seconds that the response asked to wait: `Retry-After` as seconds or as a date (RFC 9110, 10.2.3).

    At most six hours. None if there was no response, or it did not ask. A date counts from the response's own `Date`,
    if it has one.

    Example:
        >>> from urllib.error import HTTPError
        >>> from iobound.policies import retry_after
        >>> retry_after(HTTPError("http://localhost/", 429, "slow down", {"Retry-After": "30"}, None))
        30.0
    """
    told = _header(error, "Retry-After")
    if told is None:
        return None
    if _SECONDS.fullmatch(told):
        return min(LONGEST, float(told))
    moment = _moment(told)
    if moment is None:
        return None
    sent = _moment(_header(error, "Date") or "")  # the server's own clock, if it shows it
    return min(LONGEST, max(0.0, moment - (time.time() if sent is None else sent)))


def _header(error: BaseException, name: str) -> str | None:
    for place in (_metadata(error).get("HTTPHeaders"), getattr(error, "response", None), error):
        headers: Any = place if isinstance(place, Mapping) else getattr(place, "headers", None)
        for spelled in (name, name.lower()):
            try:
                told = headers.get(spelled)
            except Exception:  # noqa: BLE001 - whatever this is, it holds no headers
                break
            if isinstance(told, str):
                return told.strip()
    return None


def _metadata(error: BaseException) -> Mapping[str, Any]:
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata") if isinstance(response, Mapping) else None
    return metadata if isinstance(metadata, Mapping) else {}


def _moment(date: str) -> float | None:
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - only a date pays for it

    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None

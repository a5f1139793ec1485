"""`model="auto"`: which model runs a function. By its colour; until it measures, that is all it knows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, cast

from iobound.models.calls import is_async
from iobound.models.choices import Asyncio, Model, Serial, Threads
from iobound.options import MODELS
from iobound.words.errors import hinted

if TYPE_CHECKING:
    from iobound.models.calls import Call


NONE: frozenset[str] = frozenset()


def choose(wanted: Any, call: Call) -> tuple[Model, frozenset[str]]:
    """The model for a call, and the names of those that the run may turn to when it has seen how calls are."""
    if wanted == "auto":
        return (Asyncio(), NONE) if is_async(call.fn) else (Threads(), frozenset(MODELS))
    if isinstance(wanted, str):
        return _checked(MODELS[wanted](), call), NONE
    if isinstance(wanted, Collection):
        names = cast("Collection[str]", wanted)
        if is_async(call.fn) and "asyncio" in names:
            return Asyncio(), NONE
        return _checked(_first(names, "threads", "serial"), call), frozenset(names)
    return _checked(cast("Model", wanted), call), NONE


def _first(names: Collection[str], *preferred: str) -> Model:
    name = next((each for each in preferred if each in names), next(iter(names)))
    return MODELS[name]()


def _checked(model: Model, call: Call) -> Model:
    """Refuse a pair that could only fail, before anything starts."""
    if is_async(call.fn) and isinstance(model, Serial | Threads):
        error = TypeError(f"{call.name}() is async, and model={model.name!r} calls plain functions")
        raise hinted(error, "leave out model=, or use model='asyncio'; a lambda hides that only what it wraps is async")
    return model

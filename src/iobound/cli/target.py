"""`module:function`: from the name to the function, with a hint for every way in which that can fail."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iobound.cli.exits import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


def resolve(target: str) -> Callable[..., Any]:
    """The object that `module:name` names; the current folder is on the path."""
    module_name, _, path = target.partition(":")
    if os.sep in module_name:
        dotted = os.path.normpath(module_name).removesuffix(".py").replace(os.sep, ".").lstrip(".")
        raise Problem(f"{module_name!r} is a path, not a module", f"did you mean {dotted}:{path}?")
    if not module_name or not path:
        raise Problem(f"{target!r} names no function", "write MODULE:FUNCTION, as in jobs:fetch for fetch in jobs.py")
    module = _module(module_name, path, target)
    found: Any = module
    for name in path.split("."):
        if not hasattr(found, name):
            if Path(f"{module_name}.py").exists() and not _is_here(module):
                hint = f"Python has a module of that name: rename {module_name}.py"
                raise Problem(f"{module_name!r} is {_file(module)}, and has no {path!r}", hint)
            raise Problem(f"{module_name!r} has no {path!r}", _near(target, module_name, path, dir(found)))
        found = getattr(found, name)
    if not callable(found):
        functions = [name for name, each in vars(module).items() if inspect.isfunction(each)]
        raise Problem(
            f"{target!r} is {type(found).__name__}, not a function", _near(target, module_name, path, functions)
        )
    return found  # type: ignore[no-any-return]


def check_takes_item(fn: Callable[..., Any], target: str, arguments: int) -> None:
    """Refuse a function that cannot be called with an item, or gives more than one result."""
    if inspect.isasyncgenfunction(fn) or inspect.isgeneratorfunction(fn):
        raise Problem(f"{target} is a generator: it gives many results for an item", "return a list instead")
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return  # a builtin does not tell
    try:
        signature.bind(*range(arguments))
    except TypeError as error:
        what = "the item" if arguments == 1 else "the item and what --setup gives"
        raise Problem(f"{target}{signature} cannot be called with {what}: {error}") from None


def _file(module: ModuleType) -> str:
    return str(getattr(module, "__file__", None) or "built in")


def _is_here(module: ModuleType) -> bool:
    return Path(_file(module)).resolve().parent == Path.cwd()


def _module(name: str, path: str, target: str) -> ModuleType:
    if os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds strings
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(error.name + ".")):
            raise Problem(f"importing {name!r} failed: {error}", _place(error)) from None
        message = f"cannot import {target!r}: no module named {error.name!r}"
        raise Problem(message, _near_module(name, path)) from None
    except SystemExit as leaving:
        message = f"importing {name!r} called sys.exit({leaving.code!r})"
        raise Problem(message, "put what runs under `if __name__ == '__main__':`") from None
    except Exception as error:  # noqa: BLE001 - a module of the user's may raise anything
        raise Problem(f"importing {name!r} failed: {type(error).__name__}: {error}", _place(error)) from None


def _place(error: BaseException) -> str:
    """Where in the user's code it was raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if len(frames) > 1 else ""


def _near_module(name: str, path: str) -> str:
    here = [each.stem for each in Path().glob("*.py")]
    if name.endswith(".py") and name[:-3] in here:
        return f"a module has no suffix: {name[:-3]}:{path}"
    near = get_close_matches(name, here, 1)
    if near:
        return f"found {near[0]}.py here: did you mean {near[0]}:{path}?"
    return "the current folder and what is installed are searched" + (f"; here: {', '.join(here[:5])}" if here else "")


def _near(target: str, module: str, path: str, names: list[str]) -> str:
    near = get_close_matches(path, names, 1)
    if near:
        return f"did you mean {module}:{near[0]}?"
    public = [name for name in names if not name.startswith("_")]
    return f"it has {', '.join(public[:8])}" if public else f"{target.partition(':')[0]} defines nothing"

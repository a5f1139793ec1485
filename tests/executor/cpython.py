"""A script: CPython's own tests of ThreadPoolExecutor, on `iobound.Executor`. Prints how many ran; exits by success.

They are those of `test.test_concurrent_futures` that use its ThreadPoolMixin: a package from Python 3.12 on, a module
before. Programs that they start import `Executor` from iobound too.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import sys
import unittest

import iobound

NAME = "test.test_concurrent_futures"
LEFT_OUT = (
    "default_workers",
    "saturation",
    "idle_thread_reuse",
    "threads_terminate",
    "thread_names_",
    "context_manager_shutdown",
    "del_shutdown",
    "shutdown_no_wait",
    "initializer",
    "max_workers_negative",
    "max_workers_too_large",
)
"""They look into attributes of the standard pool, make one by name, or expect its defaults and words."""

TOLD_APART = re.compile(r"from concurrent\.futures import (Executor|ThreadPoolExecutor)\b")


def modules():
    """The module, or those of the package."""
    package = importlib.import_module(NAME)
    inner = [each.name for each in pkgutil.iter_modules(getattr(package, "__path__", []))]
    return [package, *(importlib.import_module(f"{NAME}.{name}") for name in inner)]


def ours(run):
    """Start programs that import the executor from iobound."""

    def assert_python_ok(*args, **env):
        told = [TOLD_APART.sub(r"from iobound import Executor as \1", arg) for arg in args]
        return run(*told, **{"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **env})

    return assert_python_ok


def suite(found):
    """The tests, once each."""
    mixins = [module.ThreadPoolMixin for module in found if hasattr(module, "ThreadPoolMixin")]
    cases = {
        case
        for module in found
        for case in vars(module).values()
        if isinstance(case, type) and issubclass(case, unittest.TestCase) and issubclass(case, mixins[0])
    }
    tests = unittest.TestSuite()
    for case in sorted(cases, key=lambda case: case.__name__):
        on_iobound = type(case.__name__, (case,), {"executor_type": iobound.Executor, "__module__": case.__module__})
        for name in unittest.TestLoader().getTestCaseNames(on_iobound):
            if not name.removeprefix("test_").startswith(LEFT_OUT):
                tests.addTest(on_iobound(name))
    return tests


def main():
    """Run them."""
    try:
        found = modules()
    except ModuleNotFoundError as missing:
        print(f"this Python has no {missing.name}")  # noqa: T201 - a script
        return 77
    for module in found:
        if hasattr(module, "assert_python_ok"):
            module.assert_python_ok = ours(module.assert_python_ok)
    result = unittest.TextTestRunner(verbosity=2).run(suite(found))
    print("ran", result.testsRun - len(result.skipped))  # noqa: T201 - a script
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)

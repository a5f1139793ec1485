"""The command line itself: help, flags from the keywords, exit codes of the boundary, start without the extra."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields

import click
import pytest

from iobound.cli import app
from iobound.cli.flags import GRACE
from iobound.options import Options

NO_FLAGS = {
    "errors": "the command line always collects: every failure is told, and max_errors ends a run early",
    "hooks": "objects of Python",
    "progress": "the command line names the form: auto, bar, line or none",
}


def command_named(name):
    return app.group.get_command(click.Context(app.group), name)


def parameters(name):
    return {each.name: each for each in command_named(name).params}


@pytest.mark.parametrize("name", ["run", "hash"])
def test_every_keyword_is_a_flag_of_the_same_name(name):
    """With the same default, but for the time that a person waits."""
    found = parameters(name)
    for field in fields(Options):
        if field.name in NO_FLAGS:
            assert field.name not in found or field.name == "progress"
            assert not field.metadata
            continue
        flag = found[field.name]
        assert "--" + field.name.replace("_", "-") in flag.opts
        assert flag.default == (GRACE if field.name == "grace" else field.default)
        assert flag.help == field.metadata["about"]


def test_the_help_of_the_group_is_that_of_the_commands():
    """It is written down apart, so that the help imports none of them."""
    assert {name: command_named(name).short_help for name in app.COMMANDS} == app.COMMANDS


def test_help_imports_no_command(command):
    text = (
        "import sys; sys.argv[1:] = ['--help']\nfrom iobound.cli import main\ntry: main()\nfinally: print(*sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", text], env=command.environment, capture_output=True, text=True, check=True
    )
    modules = ran.stdout.splitlines()[-1].split()
    assert "Call a function of yours for every item." in ran.stdout
    assert not {"asyncio", "rich", "iobound.cli.run_command", "iobound.cli.hash_command"} & {*modules}


def test_version_and_help(command):
    assert command("--version") == (0, "iobound, version 0.1.0\n", "")
    for arguments in (["-h"], ["run", "--help"], ["hash", "-h"], ["doctor", "-h"]):
        code, out, err = command(*arguments)
        assert (code, err) == (0, "")
        assert out.startswith("Usage: iobound")


def test_without_the_extra_there_is_a_hint(command):
    text = "import sys; sys.modules['click'] = None\nfrom iobound.cli import main\nmain()"
    ran = subprocess.run(
        [sys.executable, "-c", text], env=command.environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert ran.stderr == "error: the command line needs click\n  hint: pip install 'iobound[cli]'\n"


def test_an_error_of_our_own_is_70(capfd, monkeypatch):
    """With the traceback, and a word about it."""
    monkeypatch.setattr(app, "group", None)
    assert app.run([]) == 70
    said = capfd.readouterr().err
    assert "Traceback" in said
    assert said.endswith("error: this is a bug in iobound\n  hint: please report it, with the lines above\n")


def test_doctor(command):
    """For people, and for programs."""
    code, out, _ = command("doctor")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:4]] == ["python", "system", "processors", "memory"]
    told = json.loads(command("doctor", "--json")[1])
    assert told["v"] == 1
    assert told["allowed_cpus"] > 0
    assert told["extras"]["cli"] is True

"""`iobound doctor`: what this machine allows, and the defaults that would bite."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from iobound.cli.exits import OK
from iobound.cli.output import VERSION
from iobound.cli.sink import answer
from iobound.report.doctor import rows, warnings
from iobound.signals.machine import examine


@click.command("doctor", short_help="What this machine allows, and what would bite.")
@click.option("--json", "json_lines", is_flag=True, help="one JSON object")
def command(*, json_lines: bool) -> int:
    """Show what this machine allows: descriptors, processors, memory, the GIL, extras, sizes of default pools."""
    machine = examine()
    if json_lines:
        listed = [{"warning": text, "hint": hint} for text, hint in warnings(machine)]
        answer(json.dumps({"v": VERSION, **asdict(machine), "warnings": listed}))
        return OK
    lines = [f"{name:<14}{value}" for name, value in rows(machine)]
    lines += [f"warning: {told}\n  hint: {hint}" for told, hint in warnings(machine)]
    answer("\n".join(lines))
    return OK

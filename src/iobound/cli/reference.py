"""The reference of the command line in Markdown, made from the commands themselves.

python -m iobound.cli.reference docs/command-line.md     # renews what stands between the marks
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from iobound.cli.app import COMMANDS, group

BEGIN, END = "<!-- made by iobound.cli.reference -->\n", "<!-- end -->\n"


def reference() -> str:
    """A section for each command."""
    context = click.Context(group)
    sections = []
    for name in COMMANDS:
        command = group.get_command(context, name)
        if command is not None:
            sections.append(_section(name, command))
    return "\n".join(sections)


def renewed(page: str) -> str:
    """The page with what stands between the marks made anew."""
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return before + BEGIN + "\n" + reference() + "\n" + END + after


def _section(name: str, command: click.Command) -> str:
    parameters = [each for each in command.params if isinstance(each, click.Option) and not each.hidden]
    arguments = " ".join(each.make_metavar(click.Context(command)) for each in command.params if _is_argument(each))
    about = " ".join((command.help or "").split("\n\n", 1)[0].split())
    lines = [f"## `iobound {name}`", "", f"    iobound {name} [flags] {arguments}".rstrip(), "", about, ""]
    lines += ["| flag | takes | default | meaning |", "|---|---|---|---|"]
    lines += [_row(each) for each in parameters]
    return "\n".join(lines) + "\n"


def _is_argument(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument)


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    takes = "" if option.is_flag else option.metavar or " ".join(getattr(option.type, "choices", ()))
    default = "" if option.default in (None, False, ()) or not isinstance(option.default, str | int | float) else None
    shown = f"`{option.default}`" if default is None and not option.is_flag else _flag_default(option)
    return f"| {names} | {_cell(takes)} | {shown} | {_cell(option.help or '')} |"


def _flag_default(option: click.Option) -> str:
    """Of a pair such as `--ordered/--no-ordered`: which it is."""
    if not option.secondary_opts:
        return ""
    return f"`{option.opts[0] if option.default else option.secondary_opts[0]}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(renewed(path.read_text(encoding="utf-8")), encoding="utf-8")

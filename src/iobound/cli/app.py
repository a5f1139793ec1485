"""The group of commands, each imported only when it is called, and the boundary where errors become exit codes."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

import click

import iobound
from iobound.cli.exits import BUG, INTERRUPTED, NOBODY_READS, WRONG_INPUT, OutputClosed, Problem, complain, say

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "run": "Call a function of yours for every item.",
    "advise": "Measure a function of yours: which model, how many at a time.",
    "hash": "Checksums of files, in the format of sha256sum.",
    "demo": "See what it does on your machine, in under a minute.",
    "doctor": "What this machine allows, and what would bite.",
}


class Lazy(click.Group):
    """A group whose commands live in modules of their own names."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the interface of click
        """Their names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import one."""
        if cmd_name not in COMMANDS:
            near = get_close_matches(cmd_name, COMMANDS, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(COMMANDS)}"
            raise Problem(f"no such command {cmd_name!r}", f"{hint}; iobound --help")
        command = import_module(f"iobound.cli.{cmd_name}_command").command
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List them without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Lazy,
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(iobound.__version__, prog_name="iobound")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Run very many I/O-bound tasks, and never more at once than is good."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str]) -> int:
    """Run a command line. Returns the exit code; says what went wrong."""
    try:
        code = group.main(list(arguments), prog_name="iobound", standalone_mode=False)
    except Problem as problem:
        complain(problem.message, problem.hint)
        return problem.code
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx is not None else "iobound"
        complain(_lowered(error.format_message()), f"{where} --help")
        return WRONG_INPUT
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except OutputClosed:
        return NOBODY_READS
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Exception:  # noqa: BLE001 - the boundary
        return _bug()
    return code if isinstance(code, int) else 0


def _lowered(message: str) -> str:
    """A message of click's in our manner."""
    return (message[:1].lower() + message[1:]).rstrip(".")


def _bug() -> int:
    import traceback  # noqa: PLC0415 - hardly ever needed

    say(traceback.format_exc().rstrip())
    complain("this is a bug in iobound", "please report it, with the lines above")
    return BUG

"""The lapwing command: finds the verb, runs it, and turns errors into one line and an exit code.

A verb is a file in trainer/commands/ with an attribute `command`; it is imported only when typed, so that
`lapwing --help` answers at once. Exit codes: 0 done, 1 refused or interrupted with one line, 2 usage.
"""

from __future__ import annotations

import ast
import errno
import importlib
import os
import re
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from shared.errors import LapwingError
from trainer.workshop import Workshop

COMMANDS_FOLDER = Path(__file__).with_name("commands")

EPILOG = """\b
The three people type most:
  lapwing train my-first-run                 learn to drive, with a live display
  lapwing evaluate my-first-run --video lap.mp4
  lapwing export my-first-run -o fast.tar.gz  the file the car installs
"""


class LazyGroup(click.Group):
    """A group whose verbs are the files of trainer/commands/."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(path.stem for path in COMMANDS_FOLDER.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"trainer.commands.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"trainer/commands/{cmd_name}.py: command is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            closest = get_close_matches(args[0], known, n=1)
            hint = f"Did you mean '{closest[0]}'?" if closest else "See: lapwing --help"
            ctx.fail(f"No such command '{args[0]}'. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs by the first line of their files: nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _one_line_help(name)) for name in self.list_commands(ctx)])


def _one_line_help(name: str) -> str:
    source = (COMMANDS_FOLDER / f"{name}.py").read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    first_line = docstring.partition("\n")[0]
    return re.sub(rf"^`?lapwing {name}`?: *", "", first_line)


def _installed_version() -> str:
    try:
        return version("lapwing")
    except PackageNotFoundError:
        return "from a source folder"


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LAPWING_HOME",
    default=Path("~/lapwing"),
    show_default=True,
    show_envvar=True,
    help="The folder that holds your runs and cars.",
)
@click.version_option(_installed_version(), prog_name="lapwing")
@click.pass_context
def root(ctx: click.Context, home: Path) -> None:
    """Train a small self-driving race car on this computer, and pack it for the real one."""
    ctx.obj = Workshop(home=home.expanduser().absolute())


def main() -> None:
    """Entry point of the `lapwing` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every refusal is one line on stderr."""
    try:
        result = root.main(args=list(arguments), prog_name="lapwing", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. What was finished is kept; type the command again for the rest.", err=True)
        return 1
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LapwingError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except OSError as error:
        sentence = _explain(error)
        if sentence is None:
            raise
        click.echo(f"Error: {sentence}", err=True)
        return 1


def _explain(error: OSError) -> str | None:
    """A sentence for what a full or closed disk does to us; None when it is a bug of ours."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}. Free some space, then run the same command again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"Not allowed to write here{where}. Choose another folder with --home or -o."
    return None


if __name__ == "__main__":
    main()

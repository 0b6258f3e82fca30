"""The lapwing command: finds the verb, runs it, and turns errors into one line and an exit code.

A verb is a file in trainer/commands/ with an attribute `command`; it is imported only when typed, so that
`lapwing --help` answers at once. Exit codes: 0 done, 1 refused or interrupted with one line, 2 usage.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import click

from shared.errors import LapwingError
from shared.verbs import VerbGroup
from trainer.workshop import Workshop

EPILOG = """\b
The three people type most:
  lapwing train my-first-run                 learn to drive, with a live display
  lapwing evaluate my-first-run --video lap.mp4
  lapwing export my-first-run -o fast.tar.gz  the file the car installs
"""


def _installed_version() -> str:
    try:
        return version("lapwing")
    except PackageNotFoundError:
        return "from a source folder"


@click.group(
    cls=VerbGroup,
    program="lapwing",
    package="trainer.commands",
    folder=Path(__file__).with_name("commands"),
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
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

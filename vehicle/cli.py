"""The lapwing-car command: one verb per process of the car, and one that runs them all.

A verb is a file in vehicle/commands/ with an attribute `command`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from shared.errors import LapwingError
from shared.verbs import VerbGroup

EPILOG = """\b
The three people type most:
  lapwing-car up --emulated --model fast.tar.gz --laps 1   a lap without hardware
  lapwing-car install fast.tar.gz                          put a model on the car
  lapwing-car neutral                                      bring the car to rest
"""


@click.group(
    cls=VerbGroup,
    program="lapwing-car",
    package="vehicle.commands",
    folder=Path(__file__).with_name("commands"),
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def root() -> None:
    """Drive the car, or an emulated one."""


def main() -> None:
    """Entry point of the `lapwing-car` command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every refusal is one line on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        root.main(args=list(arguments), prog_name="lapwing-car", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped before the end. Run the same command again when you are ready.", err=True)
        return 1
    except LapwingError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    main()

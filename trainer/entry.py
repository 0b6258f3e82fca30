"""Where the `lapwing` program begins. It loads the rest from inside, so that Ctrl-C is a sentence from the start."""

import sys


def main() -> None:
    """Run the command line that was typed, and leave with its exit code."""
    try:
        from trainer.cli import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # nothing had begun yet: what has says more in trainer.cli
        print("Stopped before anything was done.", file=sys.stderr)
        status = 1
    sys.exit(status)

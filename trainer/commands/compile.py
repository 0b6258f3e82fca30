"""`lapwing compile`: compile the simulator's kernels once, so that the first training starts at once."""

from __future__ import annotations

import time

import click


@click.command(name="compile")
def command() -> None:
    """Compile the simulator's kernels now (about a minute the first time, a second when cached)."""
    from trainer.simulator import compile_kernels

    click.echo("Compiling the simulator's kernels: about a minute the first time, a second afterwards")
    begun = time.perf_counter()
    compile_kernels()
    click.echo(f"Kernels ready after {time.perf_counter() - begun:.1f} s")

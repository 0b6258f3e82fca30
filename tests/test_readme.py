"""What stands in the README can be typed: its commands and options exist, its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

import trainer.cli
import vehicle.cli

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"`(lapwing(?:-car)? [^`]+)`", README)
PROGRAMS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
ROOTS = {"lapwing": trainer.cli.root, "lapwing-car": vehicle.cli.root}


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_command_and_its_options_exist(typed: str) -> None:
    program, *words = shlex.split(typed)
    command: click.Command = ROOTS[program]
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs(program: str) -> None:
    exec(compile(program, "README.md", "exec"), {})

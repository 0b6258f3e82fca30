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
FENCED = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
TYPED = "\n".join(block for kind, block in FENCED if not kind).replace("\\\n", "").splitlines()
COMMANDS = [
    *re.findall(r"`(lapwing(?:-car)? [^`]+)`", README),
    *(line for line in TYPED if line.startswith("lapwing")),
]
PROGRAMS = [block for kind, block in FENCED if kind == "python"]
ROOTS = {"lapwing": trainer.cli.root, "lapwing-car": vehicle.cli.root}


@pytest.mark.parametrize("typed", COMMANDS)
def test_a_command_and_its_options_exist(typed: str) -> None:
    program, *words = shlex.split(typed, comments=True)
    command: click.Command = ROOTS[program]
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None
        command = found
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("typed", [typed for typed in COMMANDS if typed.startswith("lapwing train")])
def test_a_training_is_named(typed: str) -> None:
    name = shlex.split(typed)[2]
    assert not name.startswith("-") or name in ("--name", "--resume")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_runs(program: str) -> None:
    exec(compile(program, "README.md", "exec"), {})

"""A command line whose verbs are the files of a folder: both programs have one."""

from __future__ import annotations

import ast
import importlib
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click


class VerbGroup(click.Group):
    """A group whose verbs are the files of a package, each with an attribute `command`.

    The verb import-model is import_model.py. A verb is imported only when typed, so that --help answers at once.
    program: the command's name, such as lapwing.
    """

    def __init__(self, *arguments: Any, program: str, package: str, folder: Path, **others: Any) -> None:
        """package, folder: where the verbs are, as imported and on the disk."""
        super().__init__(*arguments, **others)
        self._program, self._package, self._folder = program, package, folder

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(path.stem.replace("_", "-") for path in self._folder.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"{self._package}.{_module(cmd_name)}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._package}.{_module(cmd_name)}: command is not a click command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            closest = get_close_matches(args[0], known, n=1)
            hint = f"Did you mean '{closest[0]}'?" if closest else f"See: {self._program} --help"
            ctx.fail(f"No such command '{args[0]}'. {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs by the first line of their files: nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._one_line_help(name)) for name in self.list_commands(ctx)])

    def _one_line_help(self, name: str) -> str:
        source = (self._folder / f"{_module(name)}.py").read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(source)) or ""
        first_line = docstring.partition("\n")[0]
        return re.sub(rf"^`?{re.escape(self._program)} {name}`?: *", "", first_line)


def _module(verb: str) -> str:
    return verb.replace("-", "_")

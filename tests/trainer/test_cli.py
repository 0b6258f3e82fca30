"""The lapwing command: help, suggestions, exit codes, one line for every refusal."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import trainer.cli
from shared.errors import RunError
from trainer.cli import root, run
from trainer.workshop import Workshop

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Make `lapwing probe` do something."""

    def install(action: Callable[[], object]) -> None:
        def get_command(ctx: click.Context, name: str) -> click.Command:
            return click.Command("probe", callback=action)

        monkeypatch.setattr(root, "get_command", get_command)
        monkeypatch.setattr(root, "list_commands", lambda ctx: ["probe"])

    return install


def test_help_shows_the_three_commands_people_type_most(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    output = capsys.readouterr().out
    assert re.search(r"lapwing train .*\n.*lapwing evaluate .*\n.*lapwing export ", output)


def test_help_lists_every_verb_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    output = capsys.readouterr().out
    for path in (ROOT / "trainer" / "commands").glob("[a-z]*.py"):
        assert re.search(rf"^  {path.stem} +\w", output, re.MULTILINE), path.stem
    assert "`" not in output.partition("Commands:")[2]


@pytest.mark.parametrize("path", sorted((ROOT / "trainer" / "commands").glob("[a-z]*.py")), ids=lambda p: p.stem)
def test_every_verb_has_help(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([path.stem, "--help"]) == 0
    assert f"Usage: lapwing {path.stem}" in capsys.readouterr().out


def test_help_imports_no_verb() -> None:
    script = (
        "import sys; from trainer.cli import run; run(['--help']);"
        "sys.exit(any(name.startswith('trainer.commands.') or name == 'numpy' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_a_misspelt_verb_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rnus", "list"]) == 2
    assert "Did you mean 'runs'?" in capsys.readouterr().err


def test_a_refusal_is_one_line_and_exit_code_1(verb, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> None:
        raise RunError("There is no run 'x'.")

    verb(refuse)
    assert run(["probe"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "Error: There is no run 'x'.\n"
    assert captured.out == ""


def test_ctrl_c_is_a_sentence_and_exit_code_1(verb, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    verb(interrupt)
    assert run(["probe"]) == 1
    assert capsys.readouterr().err.strip() == "Stopped. What was finished is kept; type the command again for the rest."


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "The disk is full"),
        (errno.EROFS, "Not allowed to write"),
    ],
)
def test_a_full_or_closed_disk_is_explained(verb, number: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise OSError(number, "what the system says", "/somewhere/file")

    verb(fail)
    assert run(["probe"]) == 1
    error = capsys.readouterr().err
    assert says in error
    assert "/somewhere/file" in error


def test_a_bug_of_ours_keeps_its_traceback(verb) -> None:
    def fail() -> None:
        raise OSError(errno.EBADF, "a bug")

    verb(fail)
    with pytest.raises(OSError, match="a bug"):
        run(["probe"])


def test_an_exit_code_of_a_verb_is_kept(verb) -> None:
    verb(lambda: 1)
    assert run(["probe"]) == 1
    verb(lambda: None)
    assert run(["probe"]) == 0


def test_home_comes_from_the_option_or_the_environment(verb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    verb(click.pass_obj(lambda workshop: seen.append(workshop.home)))
    monkeypatch.setenv("LAPWING_HOME", str(tmp_path / "environment"))
    run(["probe"])
    run(["--home", str(tmp_path / "option"), "probe"])
    monkeypatch.delenv("LAPWING_HOME")
    run(["probe"])
    assert seen == [tmp_path / "environment", tmp_path / "option", Path.home() / "lapwing"]
    assert trainer.cli.Workshop is Workshop


def test_a_closed_pipe_is_no_error() -> None:
    finished = subprocess.run(
        f"{sys.executable} -m trainer.cli cars settings | head -n 0",
        shell=True, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert finished.stderr == ""


LATE_CTRL_C = """
import sys
class WhileLoading:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, WhileLoading())
sys.argv = ["lapwing", "cars", "settings"]
from trainer.entry import main
main()
"""


@pytest.mark.parametrize("module", ["trainer.cli", "click", "trainer.commands.cars", "numpy"])
def test_ctrl_c_while_the_program_loads_is_a_sentence_too(module: str) -> None:
    script = LATE_CTRL_C.format(module=module)
    finished = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    sentence = finished.stderr.strip()
    assert sentence.startswith("Stopped")
    assert "\n" not in sentence


def test_the_program_begins_where_nothing_is_loaded_yet() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"]["lapwing"] == "trainer.entry:main"
    script = "import sys; before = set(sys.modules); import trainer.entry; print(sorted(set(sys.modules) - before))"
    finished = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "['trainer', 'trainer.entry']"

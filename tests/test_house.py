"""The house rules that no linter knows: who loads what, what the project carries, what the README promises."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("shared", "calibration", "trainer", "vehicle")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

IMPORT_EVERYTHING = """
import json, pkgutil, importlib, sys
before = set(sys.modules)  # setuptools loads _distutils_hack with every interpreter of some environments
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__") and module.name not in sys.argv[2:]:
        importlib.import_module(module.name)
json.dump(sorted({name.partition(".")[0] for name in set(sys.modules) - before}), sys.stdout)
"""


def loaded_by(package: str, *left_out: str) -> set[str]:
    """Top-level modules that importing all of one package loads, in a fresh interpreter, but for some modules."""
    finished = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, package, *left_out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(finished.stdout.splitlines()[-1]))


def distribution_packages(*names: str) -> set[str]:
    """Top-level modules of these distributions and of everything they require."""
    wanted, seen = list(names), set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        wanted += [re.split(r"[\s;<>=!~\[(]", item)[0] for item in requires if "extra ==" not in item]
    canonical = {re.sub(r"[-_.]+", "-", name).lower() for name in seen}
    owners = importlib.metadata.packages_distributions()
    return {m for m, ds in owners.items() if any(re.sub(r"[-_.]+", "-", d).lower() in canonical for d in ds)}


def third_party(modules: set[str]) -> set[str]:
    """Those of the modules that come from an installed distribution other than ours."""
    installed = set(importlib.metadata.packages_distributions())
    return (modules & installed) - set(sys.stdlib_module_names) - set(PACKAGES) - {"tests"}


def test_shared_stays_light() -> None:
    assert third_party(loaded_by("shared", "shared.verbs")) <= distribution_packages("numpy", "pydantic", "mcap")


def test_what_both_command_lines_share_loads_click_and_nothing_else() -> None:
    script = "import sys; before = set(sys.modules); import shared.verbs; print(*(set(sys.modules) - before))"
    finished = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert third_party({name.partition(".")[0] for name in finished.stdout.split()}) == {"click"}


def test_calibration_loads_only_shared_and_what_shared_loads() -> None:
    modules = loaded_by("calibration")
    assert third_party(modules) <= distribution_packages("numpy", "pydantic", "mcap")
    assert not {"trainer", "vehicle"} & modules


def test_the_vehicle_never_loads_the_trainer_or_torch() -> None:
    assert not {"trainer", "torch", "gymnasium", "numba"} & loaded_by("vehicle")


def test_the_trainer_never_loads_the_vehicle() -> None:
    assert "vehicle" not in loaded_by("trainer")


def test_the_command_line_answers_without_loading_torch_or_numba() -> None:
    script = "import sys, trainer.cli; print(sorted({'torch', 'numba', 'gymnasium', 'matplotlib'} & set(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "[]"


def test_every_package_is_known_to_the_import_linter() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert folders == set(PACKAGES) == set(PROJECT["tool"]["importlinter"]["root_packages"])


def test_torch_is_pinned_in_one_place() -> None:
    pinned = subprocess.run(
        ["git", "grep", "-lE", r"torch==[0-9]", "--", "*.toml", "scripts", "*.py", "*.cfg", "*.txt"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert pinned.stdout.split() == ["pyproject.toml"]


@pytest.mark.parametrize("name", ["quickstart", "test", "bench"])
def test_scripts_are_executable_and_parse(name: str) -> None:
    script = ROOT / "scripts" / name
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).returncode == 0


def test_quickstart_refuses_an_unknown_option_with_its_usage() -> None:
    finished = subprocess.run(
        [ROOT / "scripts" / "quickstart", "--minuets", "3"], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "unknown option --minuets" in finished.stderr
    assert "--minutes M" in finished.stderr


def test_no_file_is_named_for_leftovers() -> None:
    leftovers = {"utils.py", "helpers.py", "common.py", "misc.py", "constants.py"}
    found = [str(p) for package in PACKAGES for p in (ROOT / package).rglob("*.py") if p.name in leftovers]
    assert found == []


def test_every_file_says_what_it_is_for() -> None:
    silent = [
        str(path)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if not path.read_text().lstrip().startswith(('"""', 'r"""'))
    ]
    assert silent == []

"""What a car installs from the package index comes as wheels for its processor, for both of its Pythons.

pip resolves for another machine, but reads markers such as `platform_machine` for the one it runs on: so it is told
what the car would say. Packages that come as sources alone are taken where they hold nothing to compile.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.harness import ROOT, Benchmark, Context

PYTHONS = {"3.11": (2, 36), "3.13": (2, 41)}  # with the glibc of Raspberry Pi OS Bookworm and Trixie
OLDEST_GLIBC = (2, 17)
SOURCES_ALONE = {"rplidar-roboticia": ("pyserial",)}  # and what they need in turn
COMPILED = re.compile(r"\.(c|cc|cpp|pyx|rs|f90)\Z")
PIP = """
import sys
from pip._vendor.packaging import markers
version = sys.argv.pop(1)
here = markers.default_environment
markers.default_environment = lambda: {
    **here(), "platform_machine": "aarch64", "python_version": version, "python_full_version": version + ".0"}
from pip._internal.cli.main import main
sys.exit(main())
"""


def run(context: Context) -> Mapping[str, float]:
    """Packages for each Python, and how many would have to be compiled on the car."""
    requirements = car_requirements()
    wheels = [each for each in requirements if _name(each) not in SOURCES_ALONE]
    wheels += [name for needs in SOURCES_ALONE.values() for name in needs]
    sources = [each for each in requirements if _name(each) in SOURCES_ALONE]
    figures = {"compiled": float(sum(is_compiled(source, context.folder) for source in sources))}
    for python, glibc in PYTHONS.items():
        urls = resolved(wheels, python, glibc, context.folder / f"report-{python}.json")
        for_aarch64 = sum("aarch64" in url for url in urls)
        context.say(f"Python {python}: {len(urls)} wheels, {for_aarch64} of them for aarch64 alone")
        figures["compiled"] += float(sum(not url.endswith(".whl") for url in urls))
        figures[f"wheels_{python}"] = float(len(urls))
    return figures


def car_requirements() -> list[str]:
    """What scripts/install-car asks pip for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    gpio = [each for each in extras["pi"] if _name(each) == "gpiod"]
    return [*project["dependencies"], *extras["vehicle"], *gpio]


def resolved(requirements: Sequence[str], python: str, glibc: tuple[int, int], report: Path) -> list[str]:
    """The addresses of all that would be installed. CalledProcessError where something has no wheel."""
    minors = range(glibc[1], OLDEST_GLIBC[1] - 1, -1)
    platforms = [word for minor in minors for word in ("--platform", f"manylinux_2_{minor}_aarch64")]
    subprocess.run(
        [
            sys.executable, "-c", PIP, python, "install", "-qq", "--dry-run", "--ignore-installed",
            "--report", str(report), "--target", str(report.with_suffix("")), "--only-binary", ":all:",
            "--implementation", "cp", "--python-version", python, *platforms,
            "--platform", "manylinux2014_aarch64", *requirements,
        ],
        check=True,
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(report.read_text())["install"]
    return [each["download_info"]["url"] for each in found]


def is_compiled(requirement: str, folder: Path) -> bool:
    """Whether a package that comes as sources holds anything for a compiler."""
    target = folder / _name(requirement)
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--no-binary", ":all:"]
    subprocess.run([*pip, "--dest", str(target), requirement], check=True)
    (archive,) = target.iterdir()
    with tarfile.open(archive) as sources:
        names = sources.getnames()
        setup = next((name for name in names if name.count("/") == 1 and name.endswith("/setup.py")), None)
        text = b"" if setup is None else (sources.extractfile(setup) or archive.open("rb")).read()
    return b"ext_modules" in text or any(COMPILED.search(name) for name in names)


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement)[0]


BENCHMARK = Benchmark(
    name="wheels",
    asked={"compiled": ("<=", 0.0)},
    short="resolves the car's packages for aarch64 and both Pythons; needs the package index, a minute",
    full="the same",
    run=run,
)

"""Options and fixtures that tests of every package share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Property tests find the same cases in every run, and a busy machine does not fail them.
settings.register_profile(
    "lapwing", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("lapwing")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--routes",
        metavar="DIR",
        help="Folder of real DeepRacer routes (.npy); what compares with them is skipped without it.",
    )


@pytest.fixture(scope="session")
def routes_dir(request: pytest.FixtureRequest) -> Path:
    """The folder named by --routes; the test is skipped where none was named."""
    named = request.config.getoption("--routes")
    if named is None:
        pytest.skip("needs real routes: pytest --routes DIR")
    folder = (request.config.invocation_params.dir / named).resolve()
    if not any(folder.glob("*.npy")):
        pytest.skip(f"no .npy routes in {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What programs under test keep for the next time is not kept in the folders of who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield

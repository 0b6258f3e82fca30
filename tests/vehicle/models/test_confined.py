"""Importer and USB verb work as their units confine them; a stock DeepRacer model passes through a file there."""

from __future__ import annotations

import io
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from ctypes.util import find_library

import numpy as np
import pytest

from shared.actions import Action, DiscreteActionSpace
from shared.model_archive import pack_archive
from shared.model_metadata import ModelMetadata
from tests.systemd.confined import NOT_ALLOWED
from tests.tf1_graph import linear_graph
from vehicle.drive.installing import IMPORTER_PROGRAM
from vehicle.models.import_messages import ImportAnswer, ImportRequest
from vehicle.models.importer import ServiceImporter
from vehicle.runtime_folder import RuntimeFolder, listen

SPACE = DiscreteActionSpace((Action(-20.0, 1.0), Action(0.0, 1.0), Action(20.0, 1.0)))
HELD = {
    "processor time", "file size", "open files", "no new privileges", "no capabilities", "no network",
    "read-only files",
}  # fmt: skip

pytestmark = [
    pytest.mark.wall_clock,
    pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, for its lists of calls"),
    pytest.mark.skipif(find_library("seccomp") is None, reason="needs libseccomp"),
]


def stock_archive() -> bytes:
    """As DeepRacer's service packs it."""
    sensors = ("FRONT_FACING_CAMERA",)
    weights = {sensors[0]: np.random.default_rng(4).normal(size=(120 * 160, 3)) / 40}
    metadata = ModelMetadata(SPACE, sensors=sensors, sensors_as_written=sensors, version="4")
    return pack_archive(metadata=metadata, model=linear_graph(weights, {sensors[0]: (120, 160, 1)}), model_format="pb")


def confined(unit: str, *arguments: str) -> list[str]:
    """The command that runs Python as a unit confines it."""
    return [sys.executable, "-m", "tests.systemd.confined", unit, "-", sys.executable, *arguments]


def check(finished: subprocess.CompletedProcess[bytes]) -> None:
    """It ended well; skips the test where a user may not confine anything."""
    if finished.returncode == NOT_ALLOWED:
        pytest.skip(finished.stderr.decode())
    assert finished.returncode == 0, finished.stderr.decode()


def examined(archive: bytes, folder: RuntimeFolder) -> ImportAnswer:
    """What the importer says, started for one connection as its socket unit does."""
    command = confined("lapwing-import@.service", *IMPORTER_PROGRAM)
    ended: list[subprocess.CompletedProcess[bytes]] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            finished = subprocess.run(command, stdin=connection, stdout=connection, stderr=subprocess.PIPE, check=False)
            ended.append(finished)

    with listen(folder.importer, socket.SOCK_STREAM) as server:
        serving = threading.Thread(target=serve)
        serving.start()
        request = ImportRequest(name="stock", size_bytes=len(archive), readings=("camera",))
        try:
            return ServiceImporter(folder.importer)(request, io.BytesIO(archive))
        finally:
            serving.join()
            check(ended[0])


def test_a_stock_deepracer_model_is_examined_behind_every_wall_of_the_unit(folder: RuntimeFolder) -> None:
    answer = examined(stock_archive(), folder)
    assert answer.problem is None
    assert set(answer.engines_ms) == {"openvino"}
    assert {name for name, holds in answer.limits.items() if holds} >= HELD


def test_our_own_model_is_too_on_both_engines(folder: RuntimeFolder, make_archive: Callable[..., bytes]) -> None:
    answer = examined(make_archive(), folder)
    assert answer.problem is None
    assert set(answer.engines_ms) == {"openvino", "onnxruntime"}


TAKE_IN = """
import sys
from pathlib import Path
from vehicle.cli import run

stick = Path("/tmp/stick")
(stick / "models").mkdir(parents=True)
(stick / "models" / "stock.tar.gz").write_bytes(sys.stdin.buffer.read())
places = ["--set", "models=/tmp/models", "--set", "drive.cache=/tmp/cache"]
code = run(["usb", "--config", "/dev/null", "--runtime", "/tmp/car", *places, str(stick)])
print((stick / "lapwing-result.txt").read_text(), sorted(path.name for path in Path("/tmp/models/stock").iterdir()))
sys.exit(code)
"""


def test_a_sticks_model_is_installed_and_compiled_behind_the_walls_of_its_unit() -> None:
    command = confined("lapwing-usb@.service", "-c", TAKE_IN)
    finished = subprocess.run(command, input=stock_archive(), capture_output=True, check=False)
    check(finished)
    result, versions = finished.stdout.decode().splitlines()[-2:]
    assert result.startswith("stock: installed. Examined in a process with limits on: ")
    assert versions == " ['000001']"


HALF_ALLOWED = """
import sys
from vehicle.models import sandbox

def refused(path, content):
    raise PermissionError(1, "Operation not permitted")

sandbox._write = refused
sandbox.main([sys.executable, "-c", "import threading; threading.Thread(target=print, args=('it ran',)).start()"])
"""


def test_where_namespaces_can_be_made_but_not_used_a_program_runs_without_them() -> None:
    finished = subprocess.run([sys.executable, "-c", HALF_ALLOWED], capture_output=True, text=True, check=False)
    assert finished.stdout == "it ran\n", finished.stderr

"""Archives are examined by a process that can do little harm; whatever becomes of it is one sentence."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from shared.errors import ArchiveError, LinkError
from vehicle.drive.installing import IMPORTER_PROGRAM, limits_in_words
from vehicle.models.import_messages import ImportAnswer, ImportRequest, read_answer, read_request, write_request
from vehicle.models.importer import ProcessImporter, ServiceImporter

CONTENT = b"an archive" * 1000
REQUEST = ImportRequest(name="fast", size_bytes=len(CONTENT), readings=("camera",))
GREEDY = """
import json, os, socket, sys
from vehicle.models.held import held_limits
sys.stdin.buffer.read()
done = []
try:
    open(sys.argv[1], "w")
    done.append("wrote")
except OSError:
    pass
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), 0.2)
    done.append("connected")
except OSError:
    pass
try:
    bytearray(8 << 30)
    done.append("took memory")
except MemoryError:
    pass
try:
    os.kill(int(sys.argv[3]), 0)
    done.append("reached another process")
except OSError:
    pass
done += [name for name in os.environ if "SECRET" in name]
print(json.dumps({"problem": ", ".join(done) or "nothing", "limits": held_limits()}))
"""


def ask(importer: Callable[[ImportRequest, BinaryIO], ImportAnswer]) -> ImportAnswer:
    return importer(REQUEST, io.BytesIO(CONTENT))


@pytest.mark.wall_clock
def test_a_program_in_the_sandbox_gets_at_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("A_SECRET", "x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        arguments = ["-c", GREEDY, str(tmp_path / "made"), str(port), str(os.getpid())]
        answer = ask(ProcessImporter(arguments))
    assert {"memory", "no new privileges", "processor time"} <= {name for name, holds in answer.limits.items() if holds}
    got = {"wrote": "read-only files", "connected": "no network", "reached another process": "no other processes"}
    # What the kernel of this computer does not allow is stated, and then not expected either.
    expected = [deed for deed, limit in got.items() if not answer.limits[limit]]
    assert answer.problem == (", ".join(expected) or "nothing")


@pytest.mark.wall_clock
@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("import ctypes; ctypes.string_at(0)", "ended by SIGSEGV"),
        ("import os; os._exit(0)", "no answer"),
        ("raise SystemExit('the disk broke')", "It said last: the disk broke"),
        ("print('{')", "an answer that is none"),
        ("sys.stdout.write('x' * 100_000)", "answer is cut"),
        ("import time; time.sleep(60)", "busy for more than 1 s"),
    ],
)  # fmt: skip
def test_an_importer_that_fails_is_a_sentence(program: str, sentence: str) -> None:
    program = f"import sys; sys.stdin.buffer.read(); {program}"
    with pytest.raises(ArchiveError, match=sentence):
        ask(ProcessImporter(["-c", program], timeout_s=1.0 if "sleep" in program else 30.0))


@pytest.mark.wall_clock
def test_the_real_importer_refuses_with_a_reason_and_states_its_limits() -> None:
    answer = ask(ProcessImporter(IMPORTER_PROGRAM))
    assert "not a sound .tar.gz" in (answer.refusal() or "")
    assert answer.limits["memory"]


def test_an_importer_of_the_system_is_asked_over_its_socket(tmp_path: Path) -> None:
    path, seen = tmp_path / "importer.sock", []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rwb") as stream:
                seen.append((read_request(stream), stream.read()))
                stream.write(ImportAnswer(sha256="a" * 64).model_dump_json().encode() + b"\n")

        thread = threading.Thread(target=serve)
        thread.start()
        answer = ask(ServiceImporter(path))
        thread.join()
    assert seen == [(REQUEST, CONTENT)]
    assert answer.sha256 == "a" * 64
    with pytest.raises(LinkError, match="Nobody examines archives"):
        ask(ServiceImporter(tmp_path / "none.sock"))


def test_a_refusal_is_one_line_that_is_safe_to_show() -> None:
    problem = "bad\x1b[31m\nmodel\x00" + "x" * 3000
    refusal = ImportAnswer(problem=problem).refusal()
    assert refusal is not None
    assert refusal.startswith("bad [31m model x")
    assert len(refusal) == 600
    assert ImportAnswer(problem="\x00").refusal() == "The importer refused the archive."


@pytest.mark.parametrize("line", [b"", b"{}", b"{}\n", b'{"name": "../x", "size_bytes": 1, "readings": []}\n'])
def test_a_question_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(ArchiveError):
        read_request(io.BytesIO(line))


def test_a_question_is_read_as_it_was_written() -> None:
    stream = io.BytesIO()
    write_request(stream, REQUEST)
    assert read_request(io.BytesIO(stream.getvalue())) == REQUEST
    with pytest.raises(ArchiveError, match="none"):
        read_answer(io.BytesIO(b'{"sha256": 5}\n'))


def test_the_limits_are_told_in_words() -> None:
    words = limits_in_words({"memory": True, "no network": False})
    assert "limits on: memory." in words
    assert "Not to be had here: no network." in words

"""Who may enter the folder where a car's processes meet, and who may listen in it."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from shared.errors import LinkError
from vehicle.runtime_folder import RuntimeFolder, default_runtime_path, listen, peer_user_id, why_no_answer

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder as the system does")


@pytest.fixture
def group_folder(tmp_path: Path) -> RuntimeFolder:
    """As systemd makes it: root's, for a group that we are in."""
    path = tmp_path / "lapwing"
    path.mkdir()
    path.chmod(0o3770)
    return RuntimeFolder(path)


def socket_mode(folder: RuntimeFolder) -> int:
    with listen(folder.actuator, socket.SOCK_SEQPACKET):
        return stat.S_IMODE(folder.actuator.stat().st_mode)


def test_a_users_own_folder_and_its_sockets_are_for_nobody_else(tmp_path: Path) -> None:
    folder = RuntimeFolder(tmp_path / "car")
    folder.create()
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert socket_mode(folder) == 0o600
    folder.path.chmod(0o755)
    with pytest.raises(LinkError, match="chmod 700"):
        folder.create()
    with pytest.raises(LinkError, match="too long"):
        RuntimeFolder(tmp_path / ("x" * 90)).create()


@as_root
def test_the_folder_of_the_services_is_for_their_group(group_folder: RuntimeFolder) -> None:
    group_folder.create()
    assert stat.S_IMODE(group_folder.path.stat().st_mode) == 0o3770
    assert socket_mode(group_folder) == 0o660


@as_root
@pytest.mark.parametrize(("mode", "user"), [(0o3775, 0), (0o2770, 0), (0o3770, 4000)])
def test_a_folder_where_others_could_meddle_is_refused(group_folder: RuntimeFolder, mode: int, user: int) -> None:
    os.chown(group_folder.path, user, 0)
    group_folder.path.chmod(mode)
    with pytest.raises(LinkError, match="open to other users"):
        group_folder.create()


@as_root
def test_who_is_not_in_the_group_is_told_how_to_get_in(group_folder: RuntimeFolder) -> None:
    os.chown(group_folder.path, 0, 4000)
    group_folder.path.chmod(0o3770)
    with pytest.raises(LinkError, match="usermod -aG lapwing"):
        group_folder.create()


def test_a_real_car_meets_where_its_services_do_and_an_emulated_one_where_its_user_does(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": "/run/user/5"}
    assert default_runtime_path(environment, 5, services=tmp_path) == Path("/run/user/5/lapwing")
    assert default_runtime_path({}, 5, services=tmp_path) == Path("/tmp/lapwing-5")
    assert default_runtime_path(environment, 5, emulated=False, services=tmp_path) == tmp_path
    assert default_runtime_path({}, 5, emulated=False, services=tmp_path / "none") == Path("/tmp/lapwing-5")


@pytest.mark.parametrize("kind", [socket.SOCK_SEQPACKET, socket.SOCK_STREAM])
def test_a_name_that_is_served_is_not_taken_even_if_nobody_there_answers(
    folder: RuntimeFolder, kind: socket.SocketKind
) -> None:
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(str(folder.actuator))
        server.listen(0)
        guests = [socket.socket(socket.AF_UNIX, kind) for _ in range(3)]
        for guest in guests:
            guest.setblocking(False)
            guest.connect_ex(str(folder.actuator))  # until no more fit
        with pytest.raises(LinkError, match="already serves"):
            listen(folder.actuator, socket.SOCK_SEQPACKET)
        for guest in guests:
            guest.close()
    listen(folder.actuator, socket.SOCK_SEQPACKET).close()  # it left its name behind, and is gone


def test_both_ends_know_whose_process_is_at_the_other(folder: RuntimeFolder) -> None:
    with listen(folder.actuator, socket.SOCK_SEQPACKET) as server, socket.socket(*server_kind()) as client:
        client.connect(str(folder.actuator))
        with server.accept()[0] as accepted:
            assert peer_user_id(client) == peer_user_id(accepted) == os.getuid()


def server_kind() -> tuple[int, int]:
    return socket.AF_UNIX, socket.SOCK_SEQPACKET


def test_who_may_not_connect_is_told_to_join_the_group_and_not_to_start_what_runs() -> None:
    refused = why_no_answer(Path("/run/lapwing/drive.sock"), "drive", PermissionError())
    assert "usermod -aG lapwing" in refused
    assert "Start it" not in refused
    absent = why_no_answer(Path("/run/lapwing/drive.sock"), "drive", FileNotFoundError())
    assert absent == "No drive answers at /run/lapwing/drive.sock. Start it first: lapwing-car drive"

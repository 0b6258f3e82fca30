"""The emulated bus: transactions as messages, and errors as the kernel reports them."""

from __future__ import annotations

import errno
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import LinkError
from vehicle.emulated.board import EmulatedBoard
from vehicle.emulated.i2c import LocalI2C, answer_one, decode_result, decode_transaction, encode_transaction
from vehicle.hardware.i2c_bus import ReadSegment, WriteSegment

SEGMENTS = st.lists(
    st.one_of(st.binary(max_size=64).map(WriteSegment), st.integers(min_value=0, max_value=256).map(ReadSegment)),
    max_size=4,
)


@given(address=st.integers(min_value=0, max_value=0x7F), segments=SEGMENTS)
def test_a_transaction_survives_the_socket(address: int, segments: list[WriteSegment | ReadSegment]) -> None:
    assert decode_transaction(encode_transaction(address, segments)) == (address, segments)


@given(st.binary(max_size=64))
def test_nonsense_on_the_socket_is_refused_and_nothing_else(message: bytes) -> None:
    try:
        address, segments = decode_transaction(message)
    except LinkError:
        return
    assert encode_transaction(address, segments)


def test_an_address_without_a_chip_is_a_remote_io_error(board: EmulatedBoard) -> None:
    with pytest.raises(OSError, match="Remote I/O") as caught:
        LocalI2C(board.wire).transfer(0x41, [WriteSegment(b"\x00")])
    assert caught.value.errno == errno.EREMOTEIO


def test_a_transaction_is_answered_over_a_socket_with_bytes_or_with_the_error(board: EmulatedBoard) -> None:
    master, slave = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with master, slave:
        master.send(encode_transaction(0x40, [WriteSegment(b"\xfe"), ReadSegment(1)]))
        assert answer_one(slave, board.wire)
        assert decode_result(master.recv(100)) == b"\x1e"
        master.send(encode_transaction(0x41, [ReadSegment(1)]))
        assert answer_one(slave, board.wire)
        with pytest.raises(OSError, match="Remote I/O"):
            decode_result(master.recv(100))
        master.close()
        assert not answer_one(slave, board.wire)

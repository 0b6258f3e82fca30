"""Whatever form a camera delivers in, the model and the people see the same picture."""

from __future__ import annotations

import numpy as np
import simplejpeg

from shared.observation import grey_from_luma, grey_from_rgb
from vehicle.hardware.pictures import copy_of, grey_of, jpeg_of
from vehicle.hardware.protocols import Frame


def scene() -> np.ndarray:
    rows, columns = np.mgrid[0:480, 0:640]
    return np.stack([rows // 2, columns // 3, (rows + columns) // 5], axis=-1).astype(np.uint8)


def planes(rgb: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """JFIF's conversion, chroma of 2 x 2 pixels."""
    red, green, blue = np.moveaxis(rgb.astype(float), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    halves = [(128 + c)[::2, ::2] for c in (0.564 * (blue - luma), 0.713 * (red - luma))]
    y, u, v = (np.clip(np.rint(plane), 0, 255).astype(np.uint8) for plane in (luma, *halves))
    return y, (u, v)


def decoded(jpeg: bytes) -> np.ndarray:
    return simplejpeg.decode_jpeg(jpeg).astype(int)


def test_luma_and_colour_give_the_model_the_same_grey() -> None:
    y, chroma = planes(scene())
    grey = grey_of(Frame(y, 0.0, 1, chroma))
    np.testing.assert_array_equal(grey, grey_from_luma(y))
    assert np.abs(grey.astype(int) - grey_from_rgb(scene())).max() <= 1
    np.testing.assert_array_equal(grey_of(Frame(scene(), 0.0, 1)), grey_from_rgb(scene()))


def test_the_jpeg_has_the_colours_in_either_form_and_rows_may_be_padded() -> None:
    y, (u, v) = planes(scene())
    padded = np.zeros((480, 704), np.uint8)
    padded[:, :640] = y
    for frame in (Frame(scene(), 0.0, 1), Frame(y, 0.0, 1, (u, v)), Frame(padded[:, :640], 0.0, 1, (u, v))):
        assert np.abs(decoded(jpeg_of(frame)) - scene()).mean() < 2.5
    grey = decoded(jpeg_of(Frame(y, 0.0, 1)))
    assert np.abs(grey[..., 1] - y.astype(int)).mean() < 2


def test_the_jpeg_of_a_camera_that_made_one_is_passed_on_as_it_is() -> None:
    assert jpeg_of(Frame(np.zeros((120, 160), np.uint8), 0.0, 1, jpeg=b"as it came")) == b"as it came"


def test_a_copy_outlives_the_cameras_buffers() -> None:
    y, (u, v) = planes(scene())
    copy = copy_of(Frame(y, 5.0, 7, (u, v)))
    y[:], u[:], v[:] = 0, 0, 0
    assert (copy.taken_at_s, copy.sequence) == (5.0, 7)
    assert copy.chroma is not None
    assert min(copy.image.max(), copy.chroma[0].max(), copy.chroma[1].max()) > 100

"""The JPEG coder is a compiled wheel that was made for another NumPy than the one installed, as often as not."""

from __future__ import annotations

import importlib.metadata

import numpy as np
import simplejpeg


def test_it_came_as_a_wheel_from_the_index() -> None:
    wheel = importlib.metadata.distribution("simplejpeg").read_text("WHEEL") or ""
    assert "manylinux" in wheel


def test_it_and_numpy_agree_on_what_an_array_is() -> None:
    rows, columns = np.mgrid[0:120, 0:160]
    picture = np.stack([rows, columns, (rows + columns) // 2], axis=2).astype(np.uint8)
    decoded = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(picture, quality=95))
    assert (decoded.shape, decoded.dtype) == (picture.shape, np.uint8)
    assert np.abs(decoded.astype(int) - picture).mean() < 2
    grey = np.ascontiguousarray(picture[:, :, :1])
    again = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(grey, colorspace="GRAY"), colorspace="GRAY")
    assert np.abs(again.astype(int) - grey).mean() < 2

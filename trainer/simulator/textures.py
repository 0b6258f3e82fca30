"""Two tables of fixed noise that every picture reads: a seamless grain for surfaces, and a sensor's noise.

They are the same in every simulator and every episode; what is drawn per episode is how strong, how large and where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# The finest level is GRAIN_SIZE texels square; each next one has half as many of twice the size.
GRAIN_BITS = 8
GRAIN_SIZE = 1 << GRAIN_BITS
GRAIN_LEVELS = 7
GRAIN_TEXEL_M = 0.006
# One unit of a texture's strength, as stored.
GRAIN_UNIT = 32.0
# A row of noise begins at any of 2^NOISE_BITS places; the table has a widest row more.
NOISE_BITS = 15
NOISE_LENGTH = (1 << NOISE_BITS) + 2048
NOISE_UNIT = 32.0


@dataclass(frozen=True, slots=True, eq=False)
class NoiseTables:
    """grain: all levels one after the other; noise: NOISE_LENGTH normal numbers. Both int8, in their units."""

    grain: NDArray[np.int8]
    noise: NDArray[np.int8]


def make_noise_tables() -> NoiseTables:
    """The tables; the same bytes every time."""
    rng = np.random.Generator(np.random.Philox(key=20180912))
    finest = _seamless_grain(rng)
    levels = []
    for _ in range(GRAIN_LEVELS):
        levels.append(np.clip(np.round(finest * GRAIN_UNIT), -127, 127).astype(np.int8).ravel())
        finest = 0.25 * (finest[::2, ::2] + finest[1::2, ::2] + finest[::2, 1::2] + finest[1::2, 1::2])
    noise = np.clip(np.round(rng.standard_normal(NOISE_LENGTH) * NOISE_UNIT), -127, 127).astype(np.int8)
    return NoiseTables(np.concatenate(levels), noise)


def _seamless_grain(rng: np.random.Generator) -> NDArray[np.float64]:
    """(GRAIN_SIZE, GRAIN_SIZE) with mean 0 and standard deviation 1: every scale alike, the finest a little less."""
    frequency = np.fft.fftfreq(GRAIN_SIZE) * GRAIN_SIZE
    radius = np.hypot(*np.meshgrid(frequency, frequency))
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((GRAIN_SIZE, GRAIN_SIZE))) / (radius + 2.0) ** 0.9
    spectrum[0, 0] = 0.0
    grain = np.fft.ifft2(spectrum).real
    return grain / grain.std()

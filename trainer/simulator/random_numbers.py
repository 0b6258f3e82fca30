"""Counter-based random numbers: a pure function of seed, episode, stream and counter, so nothing depends on order.

The mixer is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
"""

from __future__ import annotations

import numpy as np

from trainer.simulator.kernels import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
SHIFT_30, SHIFT_27, SHIFT_31, SHIFT_11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
# 53 random bits are as many as a float64 in 0..1 can hold.
UNIT = 1.0 / (1 << 53)


@kernel
def mixed(value):
    """SplitMix64's finaliser: every bit of the answer depends on every bit of the uint64 given."""
    value = (value ^ (value >> SHIFT_30)) * MULTIPLIER_1
    value = (value ^ (value >> SHIFT_27)) * MULTIPLIER_2
    return value ^ (value >> SHIFT_31)


@kernel
def random_bits(seed, episode, stream, counter):
    """64 random bits; all four arguments are whole numbers."""
    value = mixed(np.uint64(seed) + GOLDEN)
    value = mixed(value ^ (np.uint64(episode) * GOLDEN + np.uint64(stream)))
    return mixed(value + np.uint64(counter) * GOLDEN)


@kernel
def random_unit(seed, episode, stream, counter):
    """A uniform float64 in [0, 1)."""
    return np.float64(random_bits(seed, episode, stream, counter) >> SHIFT_11) * UNIT

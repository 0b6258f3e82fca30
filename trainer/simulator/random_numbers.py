"""Counter-based random numbers: a pure function of seed, episode, stream and counter, so nothing depends on order.

The mixer is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
"""

from __future__ import annotations

import math

import numpy as np

from trainer.simulator.kernels import kernel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
SHIFT_30, SHIFT_27, SHIFT_31, SHIFT_11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
# 53 random bits are as many as a float64 in 0..1 can hold.
UNIT = 1.0 / (1 << 53)
SHIFT_16, SHIFT_32, SHIFT_48, LOW_16 = np.uint64(16), np.uint64(32), np.uint64(48), np.uint64(0xFFFF)
# Four whole numbers from 0 to 65535: mean of their sum, and one over its standard deviation.
SUM_MEAN, SUM_SCALE = 2.0 * 0xFFFF, math.sqrt(3.0 / ((1 << 32) - 1))


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
def unit_of(bits):
    """A uniform float64 in [0, 1) of 64 random bits."""
    return np.float64(bits >> SHIFT_11) * UNIT


@kernel
def random_normal(bits):
    """A number of mean 0 and standard deviation 1 of 64 random bits, never further than 3.5 from 0.

    The sum of four uniform numbers of 16 bits each: close to normal, without a logarithm.
    """
    total = bits & LOW_16
    total += (bits >> SHIFT_16) & LOW_16
    total += (bits >> SHIFT_32) & LOW_16
    total += bits >> SHIFT_48
    return (np.float64(total) - SUM_MEAN) * SUM_SCALE


@kernel
def random_unit(seed, episode, stream, counter):
    """A uniform float64 in [0, 1)."""
    return unit_of(random_bits(seed, episode, stream, counter))

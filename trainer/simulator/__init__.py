"""The batched simulator: cars as rows, Numba kernels."""

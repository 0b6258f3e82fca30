"""Fused multiply-add for kernels: a * b + c rounded once, one instruction in a vector loop.

The compiler may not fuse by itself, since that changes bytes; written out it is exact and the same everywhere.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


@intrinsic  # type: ignore[misc]
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c of three float32."""
    if not a == b == c == types.float32:
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(a, b, c), generate

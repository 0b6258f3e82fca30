"""Where the network may compute in bfloat16 while it learns: only where the processor does so in hardware."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is a gain on this device; emulated in software it costs several times as much."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def storage_dtype(device: torch.device) -> torch.dtype:
    """What prepared pictures are stored as: what the first layer reads."""
    return torch.bfloat16 if has_bfloat16(device) else torch.float32


def reduced_precision(device: torch.device) -> AbstractContextManager[None]:
    """Inside, products run in bfloat16 where that is a gain. Evaluation and export stay out: float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bfloat16(device))

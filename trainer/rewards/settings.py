"""How reward functions are run: settings that people write."""

from __future__ import annotations

from pydantic import Field

from shared.settings import Settings


class RewardSettings(Settings):
    """How reward functions are run. Results never depend on these, only time and safety do."""

    isolated: bool = Field(
        True,
        description="Run reward functions in processes of their own, without network, files or much memory.",
    )
    workers: int | None = Field(
        None, ge=1, le=256, description="Number of those processes; left out, at most one per processor core."
    )
    call_limit_s: float = Field(
        1.0, ge=0.05, le=60, description="A call that takes longer ends the training, with its line named."
    )
    load_limit_s: float = Field(
        15.0,
        ge=0.1,
        le=600,
        description="Time for running the file's top level once per car: imports, tables.",
    )
    memory_mb: int = Field(1024, ge=64, le=65536, description="Memory that each process may have.")
    log_limit_mb: float = Field(10.0, ge=0, le=1000, description="Print output kept in the run's log.")

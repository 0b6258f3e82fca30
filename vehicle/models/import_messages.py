"""What the importer is asked and what it answers, over one stream: a JSON line in each direction.

    in:  {"format": 1, "name": …, "size_bytes": …, "readings": […], "engine": …, "precision": …}, then the archive
    out: {"format": 1, "problem": …, "sha256": …, "engines_ms": {…}, "limits": {…}}

The importer reads what strangers wrote, so its answer is not trusted either: every field has its bounds here.
"""

from __future__ import annotations

from typing import BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import ArchiveError

MOST_LINE_BYTES = 64 << 10
MOST_ARCHIVE_BYTES = 512 << 20
MOST_PROBLEM_CHARACTERS = 600


class ImportRequest(BaseModel):
    """readings: what the car's sensors give (SensorSpec.reading). engine: the only one to try; None for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: str = Field(pattern=r"\A[A-Za-z0-9._-]{1,100}\z")
    size_bytes: int = Field(ge=0, le=MOST_ARCHIVE_BYTES)
    readings: tuple[str, ...] = Field(max_length=16)
    engine: Literal["openvino", "onnxruntime"] | None = None
    precision: Literal["float32", "float16"] = "float32"


class ImportAnswer(BaseModel):
    """problem: why the model is refused; None when it may be installed. sha256: of the archive that was read.

    engines_ms: the median time of an answer, by engine. limits: what should hold the importer, and whether it did.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    problem: str | None = Field(None, max_length=4000)
    sha256: str = Field("", pattern=r"\A([0-9a-f]{64})?\z")
    engines_ms: dict[str, float] = Field(default_factory=dict, max_length=8)
    limits: dict[str, bool] = Field(default_factory=dict, max_length=32)

    def refusal(self) -> str | None:
        """Why not, as one line that is safe to show; None for a model that may be installed."""
        if self.problem is None:
            return None
        shown = "".join(character if character.isprintable() else " " for character in self.problem)
        return " ".join(shown.split())[:MOST_PROBLEM_CHARACTERS] or "The importer refused the archive."


def write_request(stream: BinaryIO, request: ImportRequest) -> None:
    """The line; the archive is for the caller to send."""
    stream.write(request.model_dump_json().encode() + b"\n")


def read_request(stream: BinaryIO) -> ImportRequest:
    """ArchiveError for anything else."""
    try:
        return ImportRequest.model_validate_json(_line(stream, "question"))
    except ValidationError as error:
        raise ArchiveError(f"The importer was asked in a way it does not know ({_first(error)}).") from error


def write_answer(stream: BinaryIO, answer: ImportAnswer) -> None:
    """The line."""
    stream.write(answer.model_dump_json().encode() + b"\n")
    stream.flush()


def read_answer(stream: BinaryIO) -> ImportAnswer:
    """ArchiveError for an answer that ends early or is not one."""
    try:
        return ImportAnswer.model_validate_json(_line(stream, "answer"))
    except ValidationError as error:
        raise ArchiveError(f"The importer gave an answer that is none ({_first(error)}).") from error


def _line(stream: BinaryIO, what: str) -> bytes:
    line = stream.readline(MOST_LINE_BYTES)
    if not line.endswith(b"\n"):
        raise ArchiveError(f"The importer's {what} is cut." if line else f"There was no {what} for the importer.")
    return line


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]

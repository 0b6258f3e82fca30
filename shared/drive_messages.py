"""The bytes of a drive log's messages: JSON, and the schemas that tell any MCAP tool what stands in it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.drive_channels import CAMERA_CHANNEL, CHANNELS, CameraFrame, DriveMessage


def schema_name(channel: str) -> str:
    """The name of the channel's JSON schema; the camera's is Foxglove's own: its tools show the picture."""
    return "foxglove.CompressedImage" if channel == CAMERA_CHANNEL else f"lapwing.{CHANNELS[channel].__name__}"


def schema_text(channel: str) -> bytes:
    """The channel's JSON schema."""
    if channel == CAMERA_CHANNEL:
        return json.dumps(_COMPRESSED_IMAGE_SCHEMA).encode()
    return json.dumps(_adapter(CHANNELS[channel]).json_schema()).encode()


def encode_message(message: DriveMessage, log_time_ns: int) -> bytes:
    """The message as JSON."""
    if not isinstance(message, CameraFrame):
        return _adapter(type(message)).dump_json(message)
    image = {
        "timestamp": {"sec": log_time_ns // 1_000_000_000, "nsec": log_time_ns % 1_000_000_000},
        "frame_id": "camera",
        "format": "jpeg",
        "sequence": message.sequence,
        "sensor_time_ns": message.sensor_time_ns,
        "exposure_us": message.exposure_us,
        "gain": message.gain,
    }
    # The picture is joined on as bytes: as a string of JSON it would be looked at letter by letter, three times.
    head = json.dumps(image).encode().removesuffix(b"}")
    return b"".join((head, b', "data": "', base64.b64encode(message.jpeg), b'"}'))


def decode_message(channel: str, data: bytes) -> DriveMessage | None:
    """The message, or None for a channel or content that this version does not know."""
    kind = CHANNELS.get(channel)
    try:
        if kind is CameraFrame:
            return _camera_frame(json.loads(data))
        return None if kind is None else _adapter(kind).validate_json(data)
    except (ValidationError, ValueError, KeyError, TypeError, binascii.Error):
        return None


def _camera_frame(image: Mapping[str, Any]) -> CameraFrame:
    return CameraFrame(
        jpeg=base64.b64decode(image["data"], validate=True),
        sequence=int(image["sequence"]),
        sensor_time_ns=int(image.get("sensor_time_ns", 0)),
        exposure_us=image.get("exposure_us"),
        gain=image.get("gain"),
    )


def _adapter(kind: type[DriveMessage]) -> TypeAdapter[DriveMessage]:
    return _adapters()[kind]


@cache
def _adapters() -> dict[type, TypeAdapter[DriveMessage]]:
    return {kind: TypeAdapter[DriveMessage](kind) for kind in CHANNELS.values() if kind is not CameraFrame}


# https://docs.foxglove.dev/docs/sdk/schemas/compressed-image
_COMPRESSED_IMAGE_SCHEMA = {
    "title": "foxglove.CompressedImage",
    "type": "object",
    "properties": {
        "timestamp": {
            "type": "object",
            "title": "time",
            "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
        },
        "frame_id": {"type": "string"},
        "data": {"type": "string", "contentEncoding": "base64"},
        "format": {"type": "string"},
    },
}

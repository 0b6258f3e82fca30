"""Whether an archive may be installed: everything that can be known without driving with it.

Runs in the importer, a process that lives for one archive; in tests also without one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import BinaryIO

from shared.errors import ArchiveError, LapwingError, MetadataError
from shared.model_archive import ModelArchive, read_archive
from shared.model_graph import check_model_graph
from shared.sensors import SENSORS
from vehicle.models.import_messages import ImportAnswer, ImportRequest

STEEPEST_DEG = 40.0  # more than any servo of these cars turns the wheels
FASTEST_MPS = 5.0
MOST_ACTIONS = 100

# Which setting says that the car has a sensor, by what the sensor reads.
SETTINGS = {"stereo": "right_camera", "lidar": "lidar.device"}

TryOut = Callable[[ModelArchive, ImportRequest], dict[str, float]]


def examine(request: ImportRequest, archive: BinaryIO, try_out: TryOut, limits: dict[str, bool]) -> ImportAnswer:
    """The verdict about an archive.

    archive: the file, read once from where it stands. try_out: runs the model on reference pictures and gives the time
    of an answer by engine; raises a LapwingError for one that cannot drive. limits: what holds this process.
    """
    try:
        read = read_archive(archive, name=request.name)
        check_fits_car(read, request.readings)
        check_model_graph(read)
        engines_ms = try_out(read, request)
    except LapwingError as error:
        return ImportAnswer(problem=str(error)[:4000], limits=limits)
    return ImportAnswer(sha256=read.sha256, engines_ms=engines_ms, limits=limits)


def check_fits_car(archive: ModelArchive, readings: Collection[str]) -> None:
    """The model asks only for sensors on board, and for actions that a car of this size could take."""
    check_sensors(archive, readings)
    space = archive.metadata.action_space
    bounds = (
        ("actions", space.output_size, MOST_ACTIONS),
        ("m/s", space.max_speed_mps, FASTEST_MPS),
        ("degrees of steering", space.max_steering_angle_deg, STEEPEST_DEG),
    )
    for unit, value, most in bounds:
        if value > most:
            raise ArchiveError(
                f"The model {archive.name} wants {value:g} {unit}; a car of this size takes at most {most:g}."
            )


def check_sensors(archive: ModelArchive, readings: Collection[str]) -> None:
    """MetadataError when the model sees with what the car does not have. readings: what it has."""
    missing = [name for name in archive.metadata.sensors if SENSORS[name].reading not in readings]
    if missing:
        settings = [SETTINGS.get(SENSORS[name].reading, SENSORS[name].reading) for name in missing]
        raise MetadataError(
            f"The model {archive.name} sees with {', '.join(missing)}, which this car does not have. Choose another "
            f"model, or set {' and '.join(settings)} in car.toml if it has."
        )

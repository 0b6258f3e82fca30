"""The drive process: loads the model, opens the camera, reaches the actuator, and runs the loop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.errors import HardwareError, LinkError
from shared.model_archive import ModelArchive, read_archive
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.messages import ArmRequest
from vehicle.actuator.mode import Mode
from vehicle.actuator.state import Phase
from vehicle.drive.drive_facts import drive_facts
from vehicle.drive.drives import GIGABYTE, DriveStore
from vehicle.drive.engine_choice import EngineWish, open_proven_engine
from vehicle.drive.loop import DriveLoop
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.recorder import Recorder
from vehicle.drive.samples import AskedReadings, Samples
from vehicle.hardware.assembly import Car, open_camera
from vehicle.hardware.protocols import Camera
from vehicle.models.store import ModelStore
from vehicle.supervisor import Supervisor

READY_TIMEOUT_S = 30.0
WAIT_S = 0.05


def run_drive(
    car: Car,
    model: str | None,
    *,
    arm: bool,
    record: Path | None,
    tell: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Until stop is set. The car is stopped on every way out. record: a drive log to write."""
    archive = load_model(car, model)
    with contextlib.ExitStack() as exits:
        pilot = open_pilot(car, archive)
        camera = open_camera(car)
        exits.callback(camera.close)
        actuator = ActuatorClient(car.folder.actuator)
        exits.callback(actuator.close)
        recorder = exits.enter_context(open_recorder(car, archive))
        if record is not None:
            recorder.begin(path=record)
        tell(f"The model {archive.name} is ready, at most {pilot.top_speed_mps:g} m/s.")
        if arm and _is_ready(actuator, stop) and _has_picture(camera, stop):
            problem = actuator.ask(ArmRequest(Mode.AUTONOMOUS, pilot.top_speed_mps)).problem
            if problem is not None:
                raise LinkError(problem)
        DriveLoop(camera, pilot, actuator, recorder=recorder, supervisor=Supervisor()).run(stop)


@contextlib.contextmanager
def open_recorder(car: Car, archive: ModelArchive) -> Iterator[Recorder]:
    """The recorder of this car, with nothing but the last half minute to keep yet; it ends with the block."""
    settings, readings = car.config.record, AskedReadings(car.folder.actuator)
    store = DriveStore(settings.folder.expanduser(), round(settings.quota_gb * GIGABYTE))
    with (
        contextlib.closing(readings),
        Recorder(store, facts=drive_facts(car, archive), samples=Samples(readings)) as recorder,
    ):
        yield recorder


def load_model(car: Car, model: str | None) -> ModelArchive:
    """An archive by its path, or an installed model by its name (None: the chosen one)."""
    if model is not None and Path(model).is_file():
        return read_archive(Path(model))
    return model_store(car).load(model)


def open_pilot(car: Car, archive: ModelArchive) -> ModelPilot:
    """The model on its engine, warm."""
    drive = car.config.drive
    engine = open_proven_engine(archive, EngineWish(drive.engine, drive.precision, drive.cache))
    pilot = ModelPilot(archive, engine)
    pilot.warm_up()
    return pilot


def model_store(car: Car) -> ModelStore:
    """The installed models; each is tried out on this car's engine before it is let in."""
    return ModelStore(car.config.models.expanduser(), lambda archive: open_pilot(car, archive))


def _is_ready(actuator: ActuatorClient, stop: threading.Event) -> bool:
    """Wait until neutral was held long enough. False when it is time to end."""
    for _ in range(round(READY_TIMEOUT_S / WAIT_S)):
        if actuator.status().phase is Phase.READY:
            return True
        if stop.wait(WAIT_S):
            return False
    raise LinkError(f"The actuator is not ready: {actuator.status().reason or actuator.status().phase}.")


def _has_picture(camera: Camera, stop: threading.Event) -> bool:
    """Wait for the first picture. False when it is time to end; without one, nothing is armed."""
    for _ in range(round(READY_TIMEOUT_S / WAIT_S)):
        if camera.wait_newer(0, WAIT_S) is not None:
            return True
        if stop.is_set():
            return False
    why = camera.problem or "The camera gives no picture. Check its cable."
    raise HardwareError(f"{why} So the car is not armed; start again when it sees.")

"""The drive process: a loop, a camera, a model and an actuator, each of which may come later than the process."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from shared.errors import CalibrationError, LinkError
from shared.model_archive import ModelArchive, read_archive
from shared.model_graph import check_model_graph
from vehicle.actuator.client import ActuatorClient
from vehicle.actuator.mode import Mode
from vehicle.drive.api_server import ApiServer
from vehicle.drive.awaited_camera import AwaitedCamera
from vehicle.drive.drive_facts import drive_facts
from vehicle.drive.drives import drive_store
from vehicle.drive.engine_choice import EngineWish, open_proven_engine
from vehicle.drive.installing import model_store
from vehicle.drive.loop import DriveLoop
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.ready_models import ReadyModels
from vehicle.drive.recorder import Recorder
from vehicle.drive.repairing import repairing
from vehicle.drive.samples import AskedReadings, Samples
from vehicle.drive.senses import Senses
from vehicle.drive.service import DriveService
from vehicle.hardware.assembly import open_camera, open_lidar, open_right_camera, readings_on_board
from vehicle.hardware.this_car import Car, load_profile
from vehicle.models.examine import check_sensors
from vehicle.supervisor import Supervisor

START_TIMEOUT_S = 60.0  # a model that was never run here is tried on every engine first
REFUSED_S = 1.0
WAIT_S = 0.05
RECONNECT_S = 0.25
SWITCH_S = 0.001

log = logging.getLogger(__name__)


def run_drive(
    car: Car,
    model: str | None,
    *,
    mode: Mode | None,
    record: Path | None,
    tell: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Until stop is set. The car is stopped on every way out.

    mode: arm for it once, as soon as everything is there, and let whatever hinders it end the process; None: wait for
    who asks over the socket. record: a drive log to write, or (without a suffix) a name among the recorded drives.
    """
    # Of two threads with something to do in Python, the one that drives waits no longer than this for the other.
    sys.setswitchinterval(SWITCH_S)
    with contextlib.ExitStack() as exits:
        recorder = exits.enter_context(open_recorder(car))
        if record is not None:
            recorder.describe(drive_facts(car, load_model(car, model)))
            recorder.begin(path=record) if record.suffix else recorder.begin(str(record))
        service = exits.enter_context(open_service(car, model, recorder, tell))
        server = ApiServer(service, car.folder.drive)
        exits.callback(server.close)
        server.start()
        service.models.begin()

        def reached() -> None:
            pilot = service.loop.pilot if service.loop is not None else None
            if isinstance(pilot, ModelPilot):
                recorder.describe(drive_facts(car, pilot.archive))

        if mode is None:
            keep_driving(car, service, server, stop, reached)
            return
        starting = Starting(service, mode, stop)
        exits.callback(starting.join)
        keep_driving(car, service, server, stop, reached, gives_up=True)
        starting.check()


@contextlib.contextmanager
def open_service(
    car: Car, model: str | None, recorder: Recorder, tell: Callable[[str], None]
) -> Iterator[DriveService]:
    """What this drive does for a console, with its camera and its models; they end with the block."""

    def placed(pilot: ModelPilot) -> None:
        tell(_about_model(pilot))
        recorder.describe(drive_facts(car, pilot.archive))

    with (
        contextlib.closing(AwaitedCamera(lambda: open_camera(car))) as camera,
        contextlib.closing(ReadyModels(lambda name: open_pilot(car, load_model(car, name or model)))) as ready,
    ):
        yield DriveService(
            camera,
            ready,
            model_store(car),
            stop_car=lambda reason: stop_car(car, reason),
            recorder=recorder,
            placed=placed,
            speed_scale=car.config.drive.speed_scale,
        )


def keep_driving(
    car: Car,
    service: DriveService,
    server: ApiServer,
    stop: threading.Event,
    reached: Callable[[], None] = lambda: None,
    *,
    gives_up: bool = False,
) -> None:
    """Run the loop for as long as there is an actuator, and again when there is one. gives_up: only once.

    reached: hears of every actuator. It may have begun anew, with another calibration.
    """
    supervisor = Supervisor()
    while not stop.is_set():
        try:
            with (
                contextlib.closing(ActuatorClient(car.folder.actuator)) as actuator,
                contextlib.closing(open_senses(car)) as senses,
            ):
                if service.loop is None:
                    service.loop = DriveLoop(
                        service.camera,
                        None,
                        actuator,
                        recorder=service,
                        supervisor=supervisor,
                        speed_scale=service.speed_scale,
                        seen=server.wake,
                    )
                service.loop.reach(actuator, senses)
                reached()
                service.actuator_problem = ""
                service.loop.run(stop)
        except LinkError as error:
            if gives_up:
                raise
            if service.actuator_problem != str(error):
                log.warning("%s", error)
            service.actuator_problem = str(error)
        supervisor.turned(time.monotonic())  # to wait for an actuator is to be well
        stop.wait(RECONNECT_S)


def open_senses(car: Car) -> Senses:
    """What pilots may drive by besides the camera; the motion with the lags that the calibration knows by now."""
    known = {}
    with contextlib.suppress(CalibrationError):  # with one that is damaged no actuator runs
        profile = load_profile(car)
        known = {"steering_lag_s": profile.steering.lag_s, "speed_lag_s": profile.throttle.lag_s}
    lags = {name: lag_s for name, lag_s in known.items() if lag_s is not None}
    return Senses(lambda: AwaitedCamera(lambda: open_right_camera(car)), lambda: open_lidar(car), **lags)


class Starting:
    """Arms the car once everything is there, in a thread of its own. What hinders it ends the drive."""

    def __init__(self, service: DriveService, mode: Mode, stop: threading.Event) -> None:
        self._service = service
        self._mode = mode
        self._stop = stop
        self._problem = ""
        self._thread = threading.Thread(target=self._run, name="starting", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread; the drive has ended."""
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """LinkError when the car could not be armed."""
        if self._problem:
            raise LinkError(self._problem)

    def _run(self) -> None:
        now_s = time.monotonic()
        gives_up_at_s, refused_since_s = now_s + START_TIMEOUT_S, None
        while not self._stop.wait(WAIT_S):
            now_s = time.monotonic()
            problem = self._service.waits_for()
            if not problem:
                problem = self._service.start_or_say(self._mode)
                if not problem:
                    return
                # A picture that was late is no reason to give up yet, a calibration that is missing soon is.
                refused_since_s = refused_since_s or now_s
            is_refused = refused_since_s is not None and now_s - refused_since_s > REFUSED_S
            hopeless = self._service.why_no_model()
            if is_refused or hopeless or now_s > gives_up_at_s:
                self._problem = hopeless or problem
                self._stop.set()


@contextlib.contextmanager
def open_recorder(car: Car) -> Iterator[Recorder]:
    """The recorder of this car, with nothing but the last half minute to keep yet; it ends with the block.

    Beside it, what a power cut left without its end is repaired.
    """
    store, readings = drive_store(car), AskedReadings(car.folder.actuator)
    with repairing(store), contextlib.closing(readings), Recorder(store, samples=Samples(readings)) as recorder:
        yield recorder


def load_model(car: Car, model: str | None) -> ModelArchive:
    """An archive by its path, or an installed model by its name (None: the chosen one)."""
    if model is not None and Path(model).is_file():
        archive = read_archive(Path(model))
        check_model_graph(archive)
        return archive
    return model_store(car).load(model)


def open_pilot(car: Car, archive: ModelArchive) -> ModelPilot:
    """The model on its engine, warm."""
    check_sensors(archive, readings_on_board(car))
    drive = car.config.drive
    engine = open_proven_engine(archive, EngineWish(drive.engine, drive.precision, drive.cache))
    pilot = ModelPilot(archive, engine)
    pilot.warm_up()
    return pilot


def stop_car(car: Car, reason: str) -> None:
    """End the drive over a connection of its own, whatever the loop does meanwhile. LinkError without an actuator."""
    with contextlib.closing(ActuatorClient(car.folder.actuator)) as actuator:
        actuator.stop(reason)


def _about_model(pilot: ModelPilot) -> str:
    return (
        f"The model {pilot.archive.name} is ready on {pilot.engine.name}, at most {pilot.top_speed_mps:g} m/s, "
        f"{pilot.control_rate_hz:g} decisions a second."
    )

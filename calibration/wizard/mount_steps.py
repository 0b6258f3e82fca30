"""The last steps: where camera and LiDAR sit, and the look back before all is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from calibration.camera_pose import fov_from_width_deg, pitch_from_mark_deg
from calibration.profile import CameraPose, LidarPose, without_pulses
from calibration.wall import corrected_yaw_deg
from calibration.wizard.draft import Draft
from calibration.wizard.events import Control
from calibration.wizard.step import Press, Pulses, Step, WizardState
from shared.cars import CAR_MODELS
from shared.errors import CalibrationError

MARK_M = 0.5
AS_BEFORE, LOST = "as before", "not kept: {} has changed, measure anew"
TEST_DRIVE_MPS = 0.5
TEST_BEYOND_US = 20.0


class Measure(Step):
    """A number from a tape measure; going on leaves it as it is. unit: of what is typed; shown: of what is kept."""

    def __init__(
        self,
        name: str,
        title: str,
        text: str,
        unit: str,
        limits: tuple[float, float],
        shown: str,
        read: Callable[[CameraPose], float],
        write: Callable[[CameraPose, float], CameraPose],
    ) -> None:
        self.name, self.title, self._text, self._unit = name, title, text, unit
        self._limits, self._shown, self._read, self._write = limits, shown, read, write

    def text(self, state: WizardState, now_s: float) -> str:
        return f"{self._text} Go on to leave it as it is."

    def values(self, state: WizardState) -> dict[str, str]:
        return {self.title.lower(): f"{self._read(pose_of(state.draft)):.3g} {self._shown}"}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("value", self._unit, "number"),)

    def numbered(self, state: WizardState, control: str, value: float) -> WizardState:
        low, high = self._limits
        if not low <= value <= high:
            return state.noted(f"{low:g} to {high:g} {self._unit}, please.")
        try:
            pose = self._write(pose_of(state.draft), value)
        except CalibrationError as error:
            return state.noted(str(error))
        if not -90.0 <= pose.pitch_deg <= 90.0:
            return state.noted("That cannot be. Look at the picture again.")
        return state.changed(camera=pose).noted("")


CAMERA_STEPS = (
    Measure(
        "camera_height", "Camera height", "Measure from the floor to the middle of the lens, wheels on the floor.",
        "metres", (0.02, 0.9), "metres", lambda pose: pose.z_m, lambda pose, value: pose.changed(z_m=value),
    ),
    Measure(
        "camera_ahead", "Camera ahead", "Measure from midway between the axles forward to the lens.",
        "metres", (-0.4, 0.4), "metres", lambda pose: pose.x_m, lambda pose, value: pose.changed(x_m=value),
    ),
    Measure(
        "camera_pitch", "Camera pitch",
        f"Put a mark on the floor {MARK_M:g} m ahead of the lens, look at a picture of 640 x 480 (in another terminal: "
        "lapwing-car picture), and type the row in which it shows, counted from the top.",
        "rows", (0, 480), "degrees down", lambda pose: pose.pitch_deg,
        lambda pose, value: pose.changed(pitch_deg=round(pitch_from_mark_deg(pose, MARK_M, value), 2)),
    ),
    Measure(
        "camera_view", "Camera view",
        f"Lay a tape measure across on the floor, squarely, {MARK_M:g} m ahead of the lens, and look at a picture (in "
        "another terminal: lapwing-car picture). Type how many metres of it the picture shows, from edge to edge.",
        "metres", (0.0, 10.0), "degrees", lambda pose: pose.horizontal_fov_deg,
        lambda pose, value: pose.changed(horizontal_fov_deg=round(fov_from_width_deg(pose, value, MARK_M), 2)),
    ),
)  # fmt: skip


def pose_of(draft: Draft) -> CameraPose:
    """The camera's pose as far as it is known: else the car model's."""
    if draft.camera is not None:
        return draft.camera
    mount = CAR_MODELS[draft.base.car_model].camera
    return CameraPose(
        x_m=mount.x_m,
        y_m=mount.y_m,
        z_m=mount.z_m,
        pitch_deg=mount.pitch_deg,
        horizontal_fov_deg=mount.horizontal_fov_deg,
    )


class LidarYaw(Step):
    name, title = "lidar", "Where the LiDAR looks"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "With a LiDAR: put the car squarely before a flat wall, half a metre to two metres away, and measure. "
            "Its zero is turned so that the wall is straight ahead. Go on to leave it as it is."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        seen = "none" if state.wall is None else f"{state.wall.ahead_m:.2f} m, {state.wall.bearing_deg:+.1f} degrees"
        return {"zero looks to": f"{state.draft.lidar_pose.yaw_deg:.1f} degrees", "wall": seen}

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("measure", "the car stands squarely before a wall", key="m"),)

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        if state.wall is None or now_s - state.wall_at_s > 0.5:
            return state.noted("No wall is seen.")
        # Scans come in the car's frame, as the calibration has it that the wizard began with.
        used = state.draft.base.lidar or LidarPose()
        yaw_deg = round(corrected_yaw_deg(used.yaw_deg, state.wall), 2)
        state = state.changed(lidar=state.draft.lidar_pose.changed(yaw_deg=yaw_deg))
        return replace(state, wall=None, note=f"Measured: its zero looks to {yaw_deg:.1f} degrees.")


class Review(Step):
    name, title = "review", "Look back, and keep it"

    def text(self, state: WizardState, now_s: float) -> str:
        return (
            "Before and after. Hold to drive slowly, once more with your eyes on the car; then keep it. It becomes "
            "this car's calibration, confirmed for this board, and the one before stays in the history."
        )

    def values(self, state: WizardState) -> dict[str, str]:
        draft, base = state.draft, state.draft.base
        before = (
            base.steering.left_us, base.steering.trimmed_centre_us, base.steering.right_us,
            base.throttle.forward_us, base.throttle.trimmed_neutral_us, base.throttle.reverse_us,
        )  # fmt: skip
        after = (draft.left_us, draft.centre_us, draft.right_us, draft.forward_us, draft.neutral_us, draft.reverse_us)
        names = ("left", "straight ahead", "right", "forward", "neutral", "reverse")
        rows = {name: f"{old:.0f} -> {new:.0f} us" for name, old, new in zip(names, before, after)}
        silences = (base.throttle.stops_without_pulses_s, draft.stops_without_pulses_s)
        rows["without pulses"] = " -> ".join(without_pulses(known) for known in silences)
        try:
            speeds, steering = draft.speed_map(), draft.steering_map()
        except CalibrationError as error:
            return {**rows, "maps": str(error)}
        if speeds is not None:
            whence = f"{len(draft.runs)} runs" if draft.has_new_speeds else AS_BEFORE
            rows["speed map"] = f"{whence}, error {speeds.error_mps:.2f} m/s"
        elif base.throttle.points:
            rows["speed map"] = LOST.format("the motor's neutral or first motion")
        if steering is not None:
            whence = f"{len(draft.circles)} circles" if draft.circles else AS_BEFORE
            rows["steering map"] = f"{whence}, error {steering.error_deg:.1f} degrees"
        elif base.steering.points:
            rows["steering map"] = LOST.format("straight ahead")
        return rows

    def controls(self, state: WizardState) -> tuple[Control, ...]:
        return (Control("drive", "hold: drive slowly", "hold", " "), Control("save", "keep it", key="y"))

    def tapped(self, state: WizardState, control: str, now_s: float) -> WizardState:
        try:
            state.draft.profile("any board")
        except (CalibrationError, ValueError) as error:
            return state.noted(f"{error} Go back to where it belongs.")
        return replace(state, over="saved", note="Kept.")

    def problem(self, state: WizardState, now_s: float) -> str:
        return "Keep it, or go back."

    def pulses(self, state: WizardState, press: Press | None, now_s: float) -> Pulses:
        draft = state.draft
        if press is None:
            return Pulses(draft.centre_us)
        offset_us = draft.dead_band_us + TEST_BEYOND_US
        try:
            speeds = draft.speed_map()
        except CalibrationError:
            speeds = None
        if speeds is not None:
            offset_us = speeds.offset_us(TEST_DRIVE_MPS)
        return Pulses(draft.centre_us, draft.throttle_us(min(offset_us, draft.forward_reach_us)))

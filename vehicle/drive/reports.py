"""What a drive tells of itself, each part made from what the loop has at hand: no request, no lock, no state."""

from __future__ import annotations

from vehicle.drive.api import DecisionReport, ModelReport
from vehicle.drive.confidence import confidence_of
from vehicle.drive.loop import DriveLoop
from vehicle.drive.pilot import ModelPilot
from vehicle.drive.turn import Decision
from vehicle.hardware.protocols import Camera


def model_report(pilot: ModelPilot | None) -> ModelReport | None:
    """The model in place."""
    if pilot is None:
        return None
    archive = pilot.archive
    return ModelReport(
        archive.name,
        archive.sha256,
        pilot.engine.name,
        archive.metadata.sensors,
        pilot.top_speed_mps,
        pilot.control_rate_hz,
    )


def decision_report(decision: Decision | None, pilot: ModelPilot | None, now_s: float) -> DecisionReport | None:
    """The newest decision, and how sure the model in place is of it."""
    if decision is None:
        return None
    space = None if pilot is None else pilot.archive.metadata.action_space
    return DecisionReport(
        decision.frame.sequence,
        now_s - decision.frame.taken_at_s,
        decision.action.steering_angle_deg,
        decision.action.speed_mps,
        tuple(decision.answer.tolist()),
        None if space is None else confidence_of(decision.answer, space),
    )


def missing_parts(loop: DriveLoop | None, camera: Camera, actuator_problem: str, no_model: str) -> tuple[str, ...]:
    """What the car waits for before it can drive, sentences; empty when all is there.

    no_model: what is said where no model is in place.
    """
    missing = [actuator_problem]
    if loop is None:
        missing.append(camera.problem)
    else:
        missing.append(loop.camera_verdict.problem or loop.senses_problem)
        if loop.pilot is None:
            missing.append(no_model)
    return tuple(sentence for sentence in missing if sentence)

"""What the record of an episode tells of the others on the road."""

from __future__ import annotations

import json

import numpy as np

from tests.trainer.made_up_run import FollowingCars, open_log
from trainer.runs.run_metrics import STATUS_LABELS, episode_line, evaluation_metric
from trainer.runs.simtrace import FIELD
from trainer.simulator.measurements import Column
from trainer.simulator.state import EpisodeStatus
from trainer.tracks import load_track


def test_a_crash_its_contacts_and_overtakes_are_on_record() -> None:
    cars = FollowingCars(load_track("oval"), [1.0, 1.0])
    log = open_log(cars, trace_every=1)
    cars.step()
    rows = cars.measurements
    rows[:, Column.CONTACTS], rows[:, Column.OVERTAKES] = (2, 1), (3, 0)
    rows[0, Column.STATUS], rows[0, Column.IS_CRASHED] = EpisodeStatus.CRASHED, 1
    rows[1, Column.STATUS] = EpisodeStatus.OFF_TRACK
    crashed, left = log.step(rows, np.zeros(2), np.zeros(2), np.ones(2, bool))
    assert (crashed.crash_count, crashed.contacts, crashed.overtakes) == (1, 2, 3)
    assert (left.crash_count, left.contacts, left.overtakes) == (0, 1, 0)
    line = json.loads(episode_line(crashed))
    assert (line["episode_status"], line["contacts"], line["overtakes"]) == (STATUS_LABELS["crashed"], 2, 3)
    assert evaluation_metric(crashed)["crash_count"] == 1
    (trace,) = log.take_trace().values()
    assert trace[:, FIELD["crashes"]].tolist() == [0, 0, 1, 0]  # two at the start, two at the end

"""Pay for every bit of the lap driven since the last step: the shortest way to a fast lap.

The sum over a lap is always the same, 10 marks per metre, so only the number of steps it takes makes a
difference. Learns the quickest lines of all examples, and takes longer to learn its first lap.
"""

PER_METRE = 10.0

last_progress = 0.0


def reward_function(params):
    global last_progress

    # A new episode begins at 0 percent.
    if params["steps"] <= 2:
        last_progress = 0.0

    driven = (params["progress"] - last_progress) / 100 * params["track_length"]
    last_progress = params["progress"]

    # The percentage can jump when the car crosses its start backwards: no car drives half a lap in a step.
    if abs(driven) > params["track_length"] / 2:
        driven = 0.0

    # Leaving the track ends the episode: make that worse than just stopping.
    if params["is_offtrack"]:
        return -1.0

    return PER_METRE * driven


# mypy: ignore-errors

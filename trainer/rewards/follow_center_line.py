"""Stay near the centre line, and be quick about it. The default: learns fast and drives safely.

Full marks for driving at the top of your speed range exactly on the centre line; the reward fades to almost
nothing at the border. Driving slowly earns in proportion less, so standing still never pays.
"""


def reward_function(params):
    # A car with all wheels off the track earns nothing.
    if params["is_offtrack"]:
        return 0.001

    # 1 on the centre line, 0 at the border.
    half_width = params["track_width"] / 2
    nearness = max(0.0, 1.0 - params["distance_from_center"] / half_width)

    return 0.001 + nearness * params["speed"]


# mypy: ignore-errors

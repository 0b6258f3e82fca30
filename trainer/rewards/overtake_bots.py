"""Drive beside the centre line and out of the way of bots, with the keys of DeepRacer's first head-to-bot races.

Shows the keys that DeepRacer's prototype of head-to-bot had: dist_closest_bot, bot_car_lane_match, flag_unsafe,
bot_car_progress and is_bot_in_camera. params holds them in every file that names one. race_bots learns better.
"""

FULL_SPEED = 1.0  # m/s; set it to the highest speed of your action space


def lane(params):
    """1 in the middle of either lane, 0.8 on the centre line, falling to 0 at the border."""
    if not params["all_wheels_on_track"]:
        return 0.0
    share = params["distance_from_center"] / (params["track_width"] / 2)
    return 0.8 + 0.4 * share if share < 0.5 else max(0.0, 2.0 * (1.0 - share))


def clear_of_bots(params):
    """1 with no bot within a metre, falling to 0 at 0.3 m between the middles of the two cars."""
    away = params["dist_closest_bot"]
    clear = min(max((away - 0.3) / 0.7, 0.0), 1.0)

    # Beside a bot that neither car points at there is no danger: it is being overtaken.
    return clear if params["flag_unsafe"] else max(clear, 0.5)


def reward_function(params):
    if params["is_crashed"] or params["is_offtrack"]:
        return 0.001

    # Behind a bot in the same lane, and it can be seen: change lanes.
    near_ahead = any(0 <= gap < 1.5 for gap in params["bot_car_progress"])
    if near_ahead and params["bot_car_lane_match"] and params["is_bot_in_camera"]:
        return 0.001 + 0.1 * lane(params) * params["speed"]

    # Slow driving overtakes nobody: it earns half.
    pace = params["speed"] if params["speed"] >= 0.75 * FULL_SPEED else 0.5 * params["speed"]
    return 0.001 + (0.6 * lane(params) + 0.4 * clear_of_bots(params)) * pace


# mypy: ignore-errors

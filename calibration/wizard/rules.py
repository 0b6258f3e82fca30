"""What holds in every step of the wizard: limits of pulses and of presses."""

from __future__ import annotations

KEY_ALIVE_S = 0.200  # a control counts as held for this long after it was last heard
LINK_ALIVE_S = 0.500  # a face that was not heard for longer has lost its person: the car is disarmed
WHEELS_UP_PRESS_S = 2.0  # nobody needs longer to see a wheel turn
LONGEST_PRESS_S = 30.0  # of anything; the actuator ends it by itself as well
CONFIRM_S = 2.0  # a promise is a control held this long, because a tap is made without reading
# Nobody knows yet what a pulse does to the motor, so the actuator lets it come slowly.
THROTTLE_RATE_US_PER_S = 400.0

NUDGES_US = (-10.0, -2.0, 2.0, 10.0)
LEAST_REACH_US = 80.0  # from straight ahead to either end of the steering
MOST_TRY_US = 200.0  # from neutral, while looking for the first motion
LIMIT_BEYOND_DEAD_BAND_US = 30.0
FURTHEST_REACH_US = 500.0

NEUTRAL_HELD_S = 1.0  # before the speed controller may be switched on
POWER_UP_S = 3.0  # it beeps for about so long, and learns what neutral is
# How long a speed controller needs to take a pulse for what it is meant.
FORWARD_S, PAUSE_S, TAP_S = 0.4, 0.3, 0.3

TURNING_S = 1.2  # the wheels turn for so long before their pulses stop
SILENCE_S = 4.5  # then none come for so long: controllers that stop by themselves do so within about three seconds
LONG_SILENCE_S = 4.3  # of it, to know that the controller holds its last pulse
AT_ONCE_S = 0.5  # what a person calls at once, and the shortest silence that tells anything

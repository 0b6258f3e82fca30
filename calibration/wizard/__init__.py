"""The calibration wizard: a pure state machine that a terminal and a phone are two faces of."""

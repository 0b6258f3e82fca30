"""What both machines must agree on: actions, sensors, preprocessing, formats. Imports nothing of ours."""

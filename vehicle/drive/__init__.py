"""The control loop: newest frame in, Action out."""

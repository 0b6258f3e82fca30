"""The owner of the I2C bus: leases, limits, state machine."""

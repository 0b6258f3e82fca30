"""The car half: see, decide, limit, steer."""

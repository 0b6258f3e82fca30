"""Reward functions: the documented params, isolation, and one example per file."""

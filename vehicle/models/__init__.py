"""The models installed on the car."""

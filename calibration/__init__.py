"""One car's truth: its calibration profile and how it is stored. Pure, no devices."""

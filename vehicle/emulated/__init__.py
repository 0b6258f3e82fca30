"""The emulated board: chip, servo, ESC and camera without hardware."""

"""Where the calibration wizard meets the car: its pulses under a calibration lease, and its face in a terminal."""

"""A stand-in for libcamera's Python binding, under which the real picamera2 package runs without a Raspberry Pi.

It behaves as libcamera does where a driver could go wrong: sensor modes with their own field of view and rate, rows
padded as the Pi 4 and the Pi 5 pad them, two ranges of luma, buffers that are used again, requests that come back
cancelled when the cable is pulled. It keeps no time: the test exposes each picture. What it cannot show is how
libcamera and a Pi really behave; it is what we understood of them.
"""

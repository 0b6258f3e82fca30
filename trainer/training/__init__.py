"""The training of one run: the loop, what it learns with, when it stops, how it goes on."""

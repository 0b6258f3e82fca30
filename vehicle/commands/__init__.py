"""The verbs of lapwing-car, a file each."""

"""From a checkpoint to the archive the car installs: ONNX, checked for parity, with its provenance."""

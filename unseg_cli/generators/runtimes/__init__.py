"""Where a generator's networks run: PyTorch, for any generator on any device, or ONNX Runtime, for the shipped one on a processor."""

"""Using a trained generator: its file, its noise for whole pictures, and the objects it detects."""

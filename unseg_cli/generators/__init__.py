"""Using a trained generator: its file, its noise for whole pictures, and what it finds."""

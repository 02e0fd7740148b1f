"""What one file format alone knows or needs."""

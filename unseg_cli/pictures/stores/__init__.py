"""Places for files: pictures, masks and what is written about them. Names with forward slashes, and bytes."""

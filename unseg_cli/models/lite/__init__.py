"""The generator that ships."""

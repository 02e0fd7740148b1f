"""One step of a training: its loss, and what is drawn for it."""

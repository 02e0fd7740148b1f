"""How well victims predict: each file holds one kind of metric, all with the same three steps (update, merge, compute)."""

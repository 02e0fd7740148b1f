"""How the jobs of a run are worked off: on this machine, or on many."""

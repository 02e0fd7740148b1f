"""What an attacker may do about a protection, one file a kind; `registry.py` has them by name."""

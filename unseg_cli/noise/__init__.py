"""Arithmetic of noise, and noise that needs no learning."""

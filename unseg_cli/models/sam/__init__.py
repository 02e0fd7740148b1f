"""The paper's generator."""

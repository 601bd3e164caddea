"""Compares what the environments of the backends computed, after each has run its own tests."""

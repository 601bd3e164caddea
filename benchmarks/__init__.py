"""Measures how long training takes: on each backend, in hand-written loops, and at best on this machine."""

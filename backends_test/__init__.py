"""Compares the backends with one another and with a NumPy reference: the same model, weights, batches and numbers."""

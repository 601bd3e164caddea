"""Compares the backends: the same model, the same numbers, on JAX, PyTorch and TensorFlow, and in a NumPy reference."""

"""The model: its architecture, its fast recurrence on each backend, and its forward pass in NumPy."""

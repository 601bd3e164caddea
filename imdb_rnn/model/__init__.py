"""The model: its architecture, its fast recurrence on every backend, and its forward pass in NumPy."""

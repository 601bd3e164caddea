"""Faults that are planted into Keras, and whether the comparison of a model finds them."""

"""Compares any Keras model on every backend: stage by stage, layer by layer."""

"""Inference: a trained classifier, its predictions and explanations, and its saved folder."""

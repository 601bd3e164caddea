"""A trained classifier: predictions, explanations and the folder that it is saved to."""

"""Training: from reviews to a trained, calibrated and evaluated classifier."""

"""From reviews to a trained and calibrated classifier."""

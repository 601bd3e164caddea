"""Exports a classifier to files of other runtimes, whose scores are checked, and to a page for a browser."""

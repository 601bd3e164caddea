"""Scores files of reviews: reads text files and tables, scores them in processes, writes them with their scores."""

"""Text preprocessing: from texts to the rows of word ids that the model takes."""

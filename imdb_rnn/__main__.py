"""Runs the command line: `python -m imdb_rnn`."""

from imdb_rnn.cli import main

if __name__ == "__main__":
    main()

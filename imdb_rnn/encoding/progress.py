"""The progress display on standard error while reviews are encoded."""

from collections.abc import Iterator
from contextlib import contextmanager

from imdb_rnn.encoding.encode import ProgressCallback
from imdb_rnn.scoring.progress import display_of_work
from imdb_rnn.terminal import stderr_is_terminal


@contextmanager
def bar() -> Iterator[ProgressCallback]:
    """Show a bar with the time left, on a terminal.

    Yields:
        What `encode` calls after each block.
    """
    if not stderr_is_terminal():
        yield lambda reviews, share: None
        return
    with display_of_work() as display:
        task = display.add_task("encoding", total=1.0)
        yield lambda reviews, share: display.update(task, description=f"{reviews:,} reviews", completed=share)

"""The progress displays on standard error while a file, or many files, are scored."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from imdb_rnn.scoring.parts import PartsProgressCallback
from imdb_rnn.scoring.score import ProgressCallback, Scored
from imdb_rnn.scoring.tables import Table
from imdb_rnn.terminal import stderr_is_terminal


@contextmanager
def bar() -> Iterator[ProgressCallback]:
    """Show a bar with the time left, on a terminal.

    Yields:
        What `score_file` calls after each block.
    """
    if not stderr_is_terminal():
        yield lambda table, scored: None
        return
    with display_of_work() as display:
        task = display.add_task("scoring", total=None)

        def report(table: Table, scored: Scored) -> None:
            display.update(task, description=f"{scored.rows:,} rows", total=table.size, completed=table.position())

        yield report


@contextmanager
def parts_bar() -> Iterator[PartsProgressCallback]:
    """Show a bar with the time left, on a terminal.

    Yields:
        What `score_parts` calls after each file.
    """
    if not stderr_is_terminal():
        yield lambda done, parts, scored: None
        return
    with display_of_work() as display:
        task = display.add_task("scoring", total=None)

        def report(done: int, parts: int, scored: Scored) -> None:
            said = f"{done:,} of {parts:,} files, {scored.rows:,} rows"
            display.update(task, description=said, total=parts, completed=done)

        yield report


def display_of_work() -> Progress:
    """Return a display with a bar and the time left, which disappears at the end."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)

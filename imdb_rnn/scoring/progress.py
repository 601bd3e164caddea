"""The progress display on standard error while a file is scored."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from imdb_rnn.scoring.score import Progress as Report
from imdb_rnn.scoring.score import Scored
from imdb_rnn.scoring.tables import Table


@contextmanager
def bar() -> Iterator[Report]:
    """Show a bar with the time left, on a terminal.

    Yields:
        What `score_file` calls after each block.
    """
    if not sys.stderr.isatty():
        yield lambda table, scored: None
        return
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task("scoring", total=None)

        def report(table: Table, scored: Scored) -> None:
            display.update(task, description=f"{scored.rows:,} rows", total=table.size, completed=table.position())

        yield report

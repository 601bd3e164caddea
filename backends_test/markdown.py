"""Markdown tables, and their places in pages that are otherwise written by hand."""

from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table.

    Args:
        header: one title per column.
        rows: one text per column each; a shorter row ends with empty cells.

    Returns:
        The lines of the table, without a final line break.
    """
    lines = [header, ["---"] * len(header)]
    lines += [[cell.replace("|", "\\|") for cell in row] + [""] * (len(header) - len(row)) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace_table(page: str, name: str, table: str) -> str:
    """Replace the table between the marks `<!-- name -->` and `<!-- end -->`.

    Args:
        page: the text of the page.
        name: the name of the table.
        table: the new table.

    Returns:
        The new text of the page.

    Raises:
        ValueError: the page lacks one of the two marks.
    """
    start, end = f"<!-- {name} -->\n", "<!-- end -->"
    before, mark, rest = page.partition(start)
    if not mark or end not in rest:
        msg = (
            f"Cannot replace the table {name!r}. Expected: a page with {start.strip()}, and {end} after it. "
            "Received: a page without them."
        )
        raise ValueError(msg)
    return f"{before}{start}{table}\n{end}{rest.partition(end)[2]}"

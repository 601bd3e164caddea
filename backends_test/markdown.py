"""Tables in the README that are made from committed results."""


def in_readme(text: str, name: str, table: str) -> str:
    """Put a table between its two marks in the README."""
    start, end = f"<!-- {name} -->\n", "<!-- end -->"
    before, found, rest = text.partition(start)
    if not found or end not in rest:
        msg = (
            f"No place for a table in the README. Expected: {start.strip()} and {end}. Received: neither, or one only."
        )
        raise ValueError(msg)
    return f"{before}{start}{table}\n{end}{rest.partition(end)[2]}"

"""Strangers' text on a terminal."""


def printable(text: str) -> str:
    """One line without control characters, which could steer a terminal; every other character stays in its place."""
    return "".join(c if c.isprintable() else " " for c in text)

"""Makes untrusted text safe for a terminal."""


def printable(text: str) -> str:
    """Replace control characters and line ends, which could control a terminal, with spaces; the length is the same."""
    return "".join(c if c.isprintable() else " " for c in text)

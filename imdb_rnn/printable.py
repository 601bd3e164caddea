"""What a terminal shows: untrusted text made safe, and the examples of commands."""


def printable(text: str) -> str:
    """Replace control characters and line ends, which could control a terminal, with spaces; the length is the same."""
    return "".join(c if c.isprintable() else " " for c in text)


def encodable(name: str) -> str:
    """Escape the bytes of a file name that are not text, so that it can be encoded in UTF-8, as in JSON."""
    return name.encode("utf-8", "backslashreplace").decode()


def examples(*commands: str) -> str:
    """Return examples for the end of a command's help."""
    # The first line keeps Click from joining the others.
    return "\n".join(
        ["\b", "Examples:" if len(commands) > 1 else "Example:", *(f"  {command}" for command in commands)]
    )

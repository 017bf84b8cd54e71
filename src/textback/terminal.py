"""Tables for people, in a terminal or a file."""

from rich.console import Console

WIDTH = 120  # where it is no terminal


def console() -> Console:
    """Where tables are printed: plain text, as it is given."""
    found = Console(highlight=False, markup=False)
    if not found.is_terminal:
        found.width = WIDTH
    return found

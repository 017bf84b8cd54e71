"""Numbers in messages, with what they count."""

LONG = 10_000  # from here on, digits are in groups


def counted(number: int, noun: str) -> str:
    """So many of something, whose plural has an s more.

    >>> counted(1, "cell"), counted(0, "cell"), counted(1536, "dimension"), counted(12000, "text")
    ('1 cell', '0 cells', '1536 dimensions', '12,000 texts')
    """
    digits = f"{number:,}" if number >= LONG else str(number)
    return f"{digits} {noun}{'' if number == 1 else 's'}"

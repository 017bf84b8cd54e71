"""Work on any number of rows, in batches that fit the device."""

import math
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor

from textback.device import out_of_memory
from textback.errors import TextbackError
from textback.progress import Meter, log

T = TypeVar("T")
BATCH = {"cpu": 512, "cuda": 32_768}  # tokens written, or judged, together
_fitting: dict[str, int] = {}  # of them, by device, once so many did not fit


def in_batches(
    decode: Callable[[slice], T], rows: Tensor, tokens: int, label: str | None = None
) -> list[T]:
    """Decode slices over rows, so many that a batch has about BATCH tokens.

    tokens: of a row at once, such as one of each sequence that is written of it

    From where the device runs out of memory on it has half as many, in later calls, too. Raises
    TextbackError where not even one row fits.
    """
    device, start, found = rows.device.type, 0, []
    size = max(1, min(BATCH[device], _fitting.get(device, math.inf)) // tokens)
    meter = None if label is None else Meter(label, len(rows), "passages")
    while start < len(rows):
        part = slice(start, min(start + size, len(rows)))
        try:
            found.append(decode(part))
        except Exception as error:
            if not out_of_memory(error):
                raise
            size = _halved(part.stop - part.start, tokens)
            _fitting[device] = size * tokens
            continue
        start = part.stop
        if meter is not None:
            meter.advance(part.stop - part.start)
    if meter is not None:
        meter.close()
    return found


def _halved(size: int, tokens: int) -> int:
    if size == 1:
        raise TextbackError(
            f"decoding: the device has no memory for {tokens} tokens of one text at a time: choose "
            "a smaller beam, breadth or backbone"
        )
    log.info("decoding: out of memory, %d texts a batch instead of %d", size // 2, size)
    return size // 2

"""What to say where an inverter's training has no room on its device: which sizes take how much."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from torch._subclasses.fake_tensor import FakeTensorMode

from textback.config import Backbone
from textback.device import out_of_memory
from textback.errors import TextbackError
from textback.inverter.model import Inverter
from textback.inverter.shapes import SIZES

TRAINED = 16  # bytes a parameter: in fp32 the weight, its gradient, and two numbers of AdamW


@contextmanager
def room_for(entry: Backbone, vocabulary: int, dimension: int, ways: int) -> Iterator[None]:
    """For what makes such an inverter, or trains it.

    Raises TextbackError, with what the smaller sizes would take, where memory runs out inside.
    """
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        problem = "the device has no memory for its weights, gradients and optimiser"
        raise _no_room(entry, vocabulary, dimension, ways, problem) from None


def room_to_train(model: Inverter) -> AbstractContextManager[None]:
    """See `room_for`."""
    return room_for(model.entry, model.vocabulary, model.dimension, model.ways)


def no_room(model: Inverter) -> TextbackError:
    """The error to raise where not even one passage fits the device with the model."""
    problem = "not even one passage at a time fits the device's memory"
    return _no_room(model.entry, model.vocabulary, model.dimension, model.ways, problem)


def _no_room(
    entry: Backbone, vocabulary: int, dimension: int, ways: int, problem: str
) -> TextbackError:
    what = entry.pretrained or f"size '{entry.size}'"
    problem = f"inverter {what}: {problem}"
    if entry.pretrained is not None:
        return TextbackError(f"{problem}: choose a smaller model, or another device")
    sizes = [*SIZES][1:]  # without `toy`
    upto = sizes[: sizes.index(entry.size) + 1] if entry.size in sizes else []
    if len(upto) < 2:
        return TextbackError(f"{problem}: choose a shorter length, or another device")
    own, *smaller = (
        f"'{size}' {_gigabytes(entry, size, vocabulary, dimension, ways)}" for size in upto[::-1]
    )
    return TextbackError(
        f"{problem}: choose a smaller 'size', or another device (weights, gradients and optimiser "
        f"take, in GB: {own}; {', '.join(smaller)})"
    )


def _gigabytes(entry: Backbone, size: str, vocabulary: int, dimension: int, ways: int) -> str:
    with FakeTensorMode():
        model = Inverter(entry.model_copy(update={"size": size}), vocabulary, dimension, ways)
    return f"{TRAINED * sum(p.numel() for p in model.parameters()) / 1e9:.2f}"

"""What to say where an inverter's training has no room on its device: which sizes take how much."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from torch._subclasses.fake_tensor import FakeTensorMode

from textback.config import Backbone
from textback.device import memory, out_of_memory
from textback.errors import TextbackError
from textback.inverter.model import Inverter
from textback.inverter.shapes import SIZES

TRAINED = 16  # bytes a parameter: in fp32 the weight, its gradient, and two numbers of AdamW


@contextmanager
def room_for(
    entry: Backbone, vocabulary: int, dimension: int, ways: int, device: str
) -> Iterator[None]:
    """For what makes such an inverter on a device, or trains it there.

    Raises TextbackError, with what it and the smaller sizes would take, where memory runs out
    inside.
    """
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        problem = "the device has no memory for its weights, gradients and optimiser"
        raise _no_room(entry, vocabulary, dimension, ways, device, problem) from None


def room_to_train(model: Inverter) -> AbstractContextManager[None]:
    """See `room_for`."""
    return room_for(*_described(model))


def no_room(model: Inverter) -> TextbackError:
    """The error to raise where not even one passage fits the device with the model."""
    problem = "not even one passage at a time fits the device's memory"
    return _no_room(*_described(model), problem, "a shorter length")


def _described(model: Inverter) -> tuple[Backbone, int, int, int, str]:
    return model.entry, model.vocabulary, model.dimension, model.ways, model.device.type


def _no_room(
    entry: Backbone,
    vocabulary: int,
    dimension: int,
    ways: int,
    device: str,
    problem: str,
    *ways_out: str,
) -> TextbackError:
    what = entry.pretrained or f"size '{entry.size}'"
    known = f"this one has {memory(device) / 1e9:.2f} GB"
    if entry.pretrained is not None:
        ways_out = "a smaller model", *ways_out
    else:
        sizes = [*SIZES]
        smaller = sizes[1 : sizes.index(entry.size)]  # without `toy`
        if smaller:
            ways_out = "a smaller 'size'", *ways_out
        taken = (
            f"'{size}' {_gigabytes(entry, size, vocabulary, dimension, ways)}"
            for size in (entry.size, *smaller[::-1])
        )
        known += f"; weights, gradients and optimiser take, in GB: {', '.join(taken)}"
    choices = ", ".join(ways_out) + (" or " if ways_out else "") + "another device"
    return TextbackError(f"inverter {what}: {problem}: choose {choices} ({known})")


def _gigabytes(entry: Backbone, size: str, vocabulary: int, dimension: int, ways: int) -> str:
    with FakeTensorMode():
        model = Inverter(entry.model_copy(update={"size": size}), vocabulary, dimension, ways)
    return f"{TRAINED * sum(p.numel() for p in model.parameters()) / 1e9:.2f}"

"""What a trainer keeps on disk: finished models, and checkpoints it can resume from.

Both are safetensors files; what they are is said in the file's own metadata. A checkpoint holds
everything the next step depends on, so that a resumed run ends in the same weights, bit for bit.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from textback.config import Backbone
from textback.device import arithmetic, out_of_memory
from textback.errors import TextbackError
from textback.files import replacing
from textback.inverter import backbones
from textback.inverter.model import Inverter
from textback.progress import log


def save_model(path: Path, model: Inverter) -> None:
    """Write a model and its shape."""
    shape = {
        "backbone": model.entry.model_dump(),
        "transformer": backbones.shape(model.backbone),
        "dimension": model.dimension,
        "ways": model.ways,
        "feedback": model.feedback,
    }
    _write(path, model.state_dict(), {"shape": json.dumps(shape)})


def load_model(path: Path, device: str = "cpu") -> Inverter:
    """Read a model, ready to be used.

    Raises TextbackError where the file is missing, truncated, or not a textback model.
    """
    tensors, metadata = _read(path, "model", "delete it and run the same command again")
    try:
        shape = json.loads(metadata["shape"])
        backbone = backbones.restore(shape["transformer"])
        model = Inverter(
            Backbone(**shape["backbone"]),
            backbone.vocabulary,
            shape["dimension"],
            shape["ways"],
            backbone,
        )
        model.feedback = shape.get("feedback", True)
        _load_weights(model, tensors)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        if out_of_memory(error):
            raise
        raise TextbackError(
            f"model {path}: is not a model of this version of textback ({error}): delete it and "
            "run the same command again"
        ) from None
    return model.to(device).eval()


@dataclass
class Position:
    """How far a training is, beside its weights.

    loss_sum: () float32, of the steps since the last row of the history, on the model's device
    """

    loss_sum: Tensor
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


class Checkpoint:
    """The checkpoint of one training, in a state folder of its own.

    spec: everything that determines the result; a checkpoint of another spec is dropped. Tensors
    that determine it too (data, first weights) take part by their `digest`.
    """

    def __init__(self, folder: Path, spec: dict[str, Any]) -> None:
        self.path = folder / "checkpoint.safetensors"
        self._spec = json.dumps(spec, sort_keys=True)

    def save(
        self, model: Inverter, optimizers: list[torch.optim.Optimizer], position: Position
    ) -> None:
        """Write the checkpoint in place of the one before."""
        tensors = {f"model.{key}": value for key, value in model.state_dict().items()}
        for number, optimizer in enumerate(optimizers):
            for index, slots in optimizer.state_dict()["state"].items():
                prefix = f"optimizer.{number}.{index}"
                tensors |= {f"{prefix}.{key}": value for key, value in slots.items()}
        tensors |= {"rng": torch.get_rng_state(), "loss_sum": position.loss_sum}
        if model.device.type == "cuda":
            tensors["rng_cuda"] = torch.cuda.get_rng_state()
        progress = {
            "step": position.step,
            "seconds": position.seconds,
            "history": position.history,
        }
        metadata = {
            "spec": self._spec,
            "arithmetic": arithmetic(model.device.type),
            "position": json.dumps(progress),
        }
        _write(self.path, tensors, metadata)

    def restore(self, model: Inverter, optimizers: list[torch.optim.Optimizer]) -> Position:
        """Go on where the checkpoint stands, or at the beginning where there is none.

        Raises TextbackError where it is broken, or comes from a machine with another arithmetic.
        """
        beginning = Position(torch.zeros((), device=model.device))
        if not self.path.exists():
            return beginning
        way_out = "delete it to train from the beginning"
        tensors, metadata = _read(self.path, "checkpoint", way_out)
        if "spec" not in metadata:
            raise TextbackError(f"checkpoint {self.path}: is not one of textback's: {way_out}")
        here = arithmetic(model.device.type)
        if metadata.get("arithmetic", here) != here:
            raise TextbackError(
                f"checkpoint {self.path}: was trained in {metadata['arithmetic']}, but this "
                f"machine trains in {here}: go on with it there, or {way_out}"
            )
        if metadata["spec"] != self._spec:
            log.info("checkpoint %s belongs to another configuration: not used", self.path)
            return beginning
        try:
            _load_weights(model, _under("model.", tensors))
            for number, optimizer in enumerate(optimizers):
                state = optimizer.state_dict()
                for name, value in _under(f"optimizer.{number}.", tensors).items():
                    index, slot = name.split(".")
                    state["state"].setdefault(int(index), {})[slot] = value
                optimizer.load_state_dict(state)
            torch.set_rng_state(tensors["rng"])
            if "rng_cuda" in tensors:
                torch.cuda.set_rng_state(tensors["rng_cuda"])
            loss_sum = tensors["loss_sum"].to(model.device)
            position = Position(loss_sum, **json.loads(metadata["position"]))
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise TextbackError(
                f"checkpoint {self.path}: does not fit this training ({error}): {way_out}"
            ) from None
        log.info("goes on from step %d of checkpoint %s", position.step, self.path)
        return position

    def remove(self) -> None:
        """Delete the checkpoint of a finished training."""
        self.path.unlink(missing_ok=True)


def digest(tensors: Iterable[Tensor]) -> str:
    """A short name for the content of tensors: sha256 over their types, shapes and bytes."""
    content = hashlib.sha256()
    for tensor in tensors:
        content.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        array = tensor.detach().cpu().contiguous().reshape(-1).numpy()
        content.update(memoryview(array).cast("B") if array.size else b"")
    return content.hexdigest()[:24]


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _load_weights(model: Inverter, tensors: dict[str, Tensor]) -> None:
    """Load a state dict in which tied weights stand once.

    Raises KeyError where one is missing, ValueError where one is of another type than the model's.
    """
    absent, unknown = model.load_state_dict(tensors, strict=False)
    weights = model.state_dict(keep_vars=True)
    present = {weights[name].data_ptr() for name in tensors if name in weights}
    wrong = [name for name in absent if weights[name].data_ptr() not in present] + unknown
    if wrong:
        raise KeyError(f"{wrong[0]} is missing or unknown")
    for name, tensor in tensors.items():
        if tensor.dtype != weights[name].dtype:
            raise ValueError(f"{name} is {tensor.dtype} instead of {weights[name].dtype}")


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors; those that share their memory (tied weights) once, under the first name."""
    distinct: dict[tuple[int, torch.Size], str] = {}
    for name in sorted(tensors):
        distinct.setdefault((tensors[name].data_ptr(), tensors[name].shape), name)
    with replacing(path) as temporary:
        save_file(
            {name: tensors[name].detach().contiguous() for name in distinct.values()},
            temporary,
            metadata=metadata,
        )


def _read(path: Path, what: str, way_out: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise TextbackError(f"{what} {path}: cannot be read ({error}): {way_out}") from None

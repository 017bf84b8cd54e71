"""What a network takes, told by the trainer's own code run on tensors that have no numbers.

torch's `FakeTensorMode` keeps shapes alone: operations are counted exactly, in milliseconds and in
no memory, and no trained weights are needed.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoConfig

from textback import hub
from textback.config import Backbone, Training
from textback.errors import TextbackError
from textback.inverter import backbones, optimizers, training
from textback.inverter.backbones.t5 import T5Backbone
from textback.inverter.batches import Data
from textback.inverter.data import Reduce
from textback.inverter.model import Inverter
from textback.reductions import Projection

T5_VOCABULARY = 32_128
KNOWN = {"google-t5/t5-small": "small", "google-t5/t5-base": "base"}  # hub ids by their size
UNKNOWN = "base"  # a pretrained backbone of unknown shape counts as a T5 of this size


@dataclass(frozen=True)
class Network:
    """A hypothesizer (`ways` 1), null model (1, of dimension 1) or corrector (3)."""

    entry: Backbone
    vocabulary: int
    dimension: int
    ways: int


def new(network: Network) -> Inverter:
    """The network, untrained, even where its backbone is pretrained."""
    shape = _pretrained_shape(network.entry)
    backbone = None if shape is None else backbones.restore(shape)
    return Inverter(network.entry, network.vocabulary, network.dimension, network.ways, backbone)


def is_guessed(entry: Backbone) -> bool:
    """Whether a backbone's shape is not known here, so that it counts as one of size UNKNOWN."""
    return entry.pretrained is not None and _config(entry) is None and entry.pretrained not in KNOWN


FAKE = FakeTensorMode()


@functools.cache
def _fake(network: Network) -> Inverter:
    """The network without numbers, made once."""
    with FAKE:
        return new(network)


@functools.cache
def parameters(network: Network) -> int:
    """How many numbers it learns."""
    return sum(p.numel() for p in _fake(network).parameters())


@functools.cache
def stored_bytes(network: Network) -> int:
    """Of the model's file: its distinct weights and buffers."""
    state = _fake(network).state_dict(keep_vars=True)
    return sum({id(value): value.nbytes for value in state.values()}.values())


@functools.cache
def optimizer_bytes(network: Network, budget: Training) -> int:
    """Of the optimisers' states: two numbers a weight for AdamW, one for Muon's matrices."""
    total = 0
    with FAKE:
        for optimizer in optimizers.build(_fake(network), budget):
            kept = 1 if isinstance(optimizer, torch.optim.Muon) else 2
            weights = (p for group in optimizer.param_groups for p in group["params"])
            total += kept * sum(p.nbytes for p in weights)
    return total


@functools.cache
def training_flops(network: Network, length: int, budget: Training) -> int:
    """Of a whole training, as its `costs.json` will say.

    Raises TextbackError where the budget ends within its warm-up.
    """
    with FAKE:
        planned = training.plan(_fake(network), _data(network, 1, length), budget)
    return planned.steps * planned.flops


@functools.cache
def flops_per_example(network: Network, length: int) -> int:
    """Of a forward and a backward pass over one passage."""
    with FAKE:
        return training.flops_per_example(_fake(network), _data(network, 1, length))


@functools.cache
def saved_bytes(network: Network, length: int, batch: int, bf16: bool) -> int:
    """What a forward pass over a batch keeps for the backward pass, beside the weights."""
    kept: dict[int, int] = {}
    model = _fake(network)
    with FAKE:
        own = {p.untyped_storage()._cdata for p in model.parameters()}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in own:
                kept[storage._cdata] = storage.nbytes()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16), hooks:
            loss = model(*_data(network, batch, length).rows(slice(None)))
        del loss
    return sum(kept.values())


def _data(network: Network, rows: int, length: int) -> Data:
    """Passages with what the network reads, as a trainer lays them out."""
    target, vector = (torch.zeros(rows, network.dimension, dtype=torch.float16) for _ in range(2))
    ids, guess = torch.zeros(2, rows, length, dtype=torch.int32)
    inputs = (target,) if network.ways == 1 else (target, vector, guess)
    return Data(ids, inputs, torch.device("cpu"), Reduce(Projection(), "cpu"))


def _pretrained_shape(entry: Backbone) -> dict[str, Any] | None:
    """Of a pretrained backbone, as `backbones.restore` takes it; None for one from scratch."""
    if entry.pretrained is None:
        return None
    config = _config(entry)
    if config is None:
        return _t5_shape(KNOWN.get(entry.pretrained, UNKNOWN), entry.dropout)
    is_t5 = config.model_type in backbones.T5S
    dropout = {"dropout_rate" if is_t5 else "attention_dropout": entry.dropout}
    # A T5 of version 1.1 or an mT5 has a head of its own and does not scale its last states.
    scales = getattr(config, "scale_decoder_outputs", config.model_type == "t5")
    own_head = is_t5 and not scales
    return {"config": config.to_dict() | dropout, "own_head": own_head}


@functools.cache
def _t5_shape(size: str, dropout: float) -> dict[str, Any]:
    with FAKE:
        entry = Backbone(family="t5", size=size, dropout=dropout)
        return backbones.shape(T5Backbone.new(entry, T5_VOCABULARY))


@functools.cache
def _config(entry: Backbone) -> Any | None:
    """The pretrained model's configuration, where it is on this machine or on the hub."""
    name = entry.pretrained or ""
    here = Path(name).is_dir() or hub.has_weights(name, entry.revision)
    if not here and (name in KNOWN or not hub.reachable()):
        return None
    try:
        return backbones.load(AutoConfig, entry)
    except TextbackError:
        return None

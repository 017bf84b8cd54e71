"""Optimisers of an inverter, and the learning rate's schedule.

`adamw` for everything, or `muon` for the matrices inside the transformer (Jordan et al. 2024) with
AdamW for the rest: embeddings, readers, norms and biases. Muon's steps are scaled to the size of
AdamW's (Liu et al. 2025), so that one learning rate suits both.
"""

import math

import torch
from torch import Tensor, nn

from textback.config import Training
from textback.config.inverters import rising_steps
from textback.inverter.model import Inverter
from textback.inverter.muon import ADJUSTED, StackedMuon

BETAS = (0.9, 0.98)
MUON_MOMENTUM = 0.85  # with 0.95, as published, trainings of 400 to 2,300 steps learn less
# Times sqrt(d_model). In equal time 2 was 0.2 nats a token better than 0.7; not tuned further.
EMBEDDING_RATE = 3.0


def build(model: Inverter, budget: Training) -> list[torch.optim.Optimizer]:
    """The optimisers of a model; their groups keep their own rate as `peak`.

    On a GPU rates are tensors there: a step that was recorded reads them anew when it is replayed.
    """
    on_gpu = _on_gpu(model)
    embedding = model.backbone.token_embedding()
    matrices = _matrices(model) if budget.optimizer == "muon" else []
    known = {id(p) for p in [embedding, *matrices]}
    rest = [p for p in model.parameters() if id(p) not in known]
    rate = budget.learning_rate
    groups = [
        {"params": [embedding], "lr": rate * _embedding_rate(model), "weight_decay": 0.0},
        {"params": rest, "lr": rate, "weight_decay": budget.weight_decay},
    ]
    adamw = torch.optim.AdamW(groups, betas=BETAS, fused=True, capturable=on_gpu)
    optimizers: list[torch.optim.Optimizer] = [adamw]
    if matrices:
        # On a CPU one by one is faster: no kernel waits for its launch, and each fits a cache.
        kind = StackedMuon if on_gpu else torch.optim.Muon
        optimizers.append(
            kind(
                matrices,
                lr=rate,
                weight_decay=budget.weight_decay,
                momentum=MUON_MOMENTUM,
                adjust_lr_fn=ADJUSTED,
            )
        )
    for group in (group for optimizer in optimizers for group in optimizer.param_groups):
        group["peak"] = group["lr"]
        if on_gpu:
            group["lr"] = torch.tensor(group["lr"], device=model.device)
    return optimizers


def set_rate(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    """Set every group's learning rate to a share of its own peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            rate = group["peak"] * factor
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


def schedule(step: int, steps: int, warmup: float) -> float:
    """The learning rate's factor at a step: up over the `warmup` share, then down to zero."""
    rising = rising_steps(steps, warmup)
    if step < rising:
        return (step + 1) / rising
    return (steps - step) / max(1, steps - rising)


def _on_gpu(model: Inverter) -> bool:
    return model.device.type == "cuda"


def _embedding_rate(model: Inverter) -> float:
    """How much faster than the rest token embeddings learn.

    A T5's embeddings begin with unit variance and its tied head divides by sqrt(d_model), so Adam's
    steps of a size that suits the other weights would take thousands of steps to move a logit by
    one. Pretrained embeddings, and a Llama's, which begin small, learn like the rest.
    """
    entry = model.entry
    from_scratch_t5 = entry.pretrained is None and entry.family == "t5"
    if not from_scratch_t5 or entry.form == "paper":
        return 1.0
    return EMBEDDING_RATE * math.sqrt(model.backbone.d_model)


def _matrices(model: Inverter) -> list[Tensor]:
    """The weights of the transformer's linear layers, its output matrix left out."""
    output = model.backbone.output_weight()
    return [
        module.weight
        for module in model.backbone.modules()
        if isinstance(module, nn.Linear) and module.weight is not output
    ]

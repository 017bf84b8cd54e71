"""Muon with the matrices of one shape stacked: a handful of kernels a shape, not dozens a matrix.

The library's own takes them one by one, thousands of small kernels a step for a deep transformer,
and a GPU waits for each to be launched.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ADJUSTED = "match_rms_adamw"  # the library's name of what `_size` does


class StackedMuon(torch.optim.Muon):
    """`torch.optim.Muon` with its `adjust_lr_fn="match_rms_adamw"`: the same steps within rounding.

    Its state is the library's: a checkpoint of one goes on with the other. `lr` may be a tensor.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """One step of all matrices that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike[matrix.shape].append(matrix)
            for matrices in alike.values():
                self._step(group, matrices)
        return loss

    def _step(self, group: dict[str, Any], matrices: list[Tensor]) -> None:
        """Of matrices of one shape."""
        gradients = [matrix.grad for matrix in matrices]
        buffers = [self._momentum(matrix) for matrix in matrices]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        if group["nesterov"]:
            updates = torch._foreach_lerp(gradients, buffers, group["momentum"])
        else:
            updates = buffers
        steps = _orthogonal(torch.stack(updates), group).to(matrices[0].dtype)
        torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
        steps *= -group["lr"] * _size(matrices[0].shape)
        torch._foreach_add_(matrices, list(steps.unbind()))

    def _momentum(self, matrix: Tensor) -> Tensor:
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(matrix)
        return state["momentum_buffer"]


def _size(shape: torch.Size) -> float:
    """What makes a step as large as AdamW's (Liu et al. 2025, section 2.2)."""
    return 0.2 * math.sqrt(max(shape))


def _orthogonal(matrices: Tensor, group: dict[str, Any]) -> Tensor:
    """The nearest (semi-)orthogonal matrices, (n, a, b) bf16, by Newton-Schulz iterations.

    After Jordan et al. 2024; in bf16, as the library does it.
    """
    a, b, c = group["ns_coefficients"]
    tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.bfloat16()
    found = found.mT if tall else found
    found = found / found.norm(dim=(1, 2), keepdim=True).clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = found @ found.mT
        found = torch.baddbmm(
            found, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), found, beta=a
        )
    return found.mT.contiguous() if tall else found

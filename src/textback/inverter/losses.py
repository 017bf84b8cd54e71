"""The training loss: output matrix, log-softmax and their gradients in one pass, chunk by chunk.

The logits of a batch are the largest tensor of a training by far; here only a chunk's exist at a
time, and their gradient is made while they are at hand (as in Hsu et al. 2024, Liger Kernel,
section 3.2, on any device, with a term that all positions of a passage share).
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

CHUNK_BYTES = {"cpu": 2**21, "cuda": 2**30}  # of float32 logits: a core's cache, or a GPU's share
AMORTISED = 4  # × d_model: so many tokens a chunk pay for adding a chunk's gradient to the matrix's


def fused_nll(hidden: Tensor, weight: Tensor, shared: Tensor | None, ids: Tensor) -> Tensor:
    """Mean negative log-likelihood, (), in nats a token.

    hidden: (n, length, d_model); weight: (vocabulary, d_model); ids: (n, length)
    shared: logits added at every position of a passage, (n, vocabulary), or none
    """
    return _FusedNll.apply(hidden, weight, shared, ids)


def plain_nll(hidden: Tensor, weight: Tensor, shared: Tensor | None, ids: Tensor) -> Tensor:
    """The negative log-likelihood of each token, (n, length), without a gradient of its own."""
    logits = (hidden @ weight.T).float()
    if shared is not None:
        logits = logits + shared[:, None].float()
    return -logits.log_softmax(-1).gather(-1, ids[..., None])[..., 0]


class _FusedNll(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, hidden: Tensor, weight: Tensor, shared: Tensor | None, ids: Tensor
    ) -> Tensor:
        device = hidden.device.type
        autocast = torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if autocast else weight.dtype
        with torch.autocast(device, enabled=False):
            loss, *gradients = _loss_and_gradients(hidden.to(dtype), weight.to(dtype), shared, ids)
        originals = (hidden, weight, shared)
        ctx.save_for_backward(
            *(g if g is None else g.to(x.dtype) for g, x in zip(gradients, originals, strict=True))
        )
        return loss

    @staticmethod
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return (*(g if g is None else g * gradient for g in ctx.saved_tensors), None)


def _loss_and_gradients(
    hidden: Tensor, weight: Tensor, shared: Tensor | None, ids: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """The mean loss and its gradients by hidden states, weight and shared logits."""
    n, length, d_model = hidden.shape
    vocabulary = len(weight)
    by_hidden = torch.empty_like(hidden)
    by_weight = torch.zeros(vocabulary, d_model, device=weight.device)
    by_shared = None if shared is None else torch.empty_like(shared)
    loss = torch.zeros((), device=hidden.device)
    step = max(1, _chunk_tokens(hidden.device.type, vocabulary, d_model) // length)
    for rows in (slice(start, start + step) for start in range(0, n, step)):
        states = hidden[rows].flatten(0, 1)
        logits = (states @ weight.T).float().view(-1, length, vocabulary)
        if shared is not None:
            logits += shared[rows, None]
        wanted = ids[rows, :, None]
        logits -= logits.amax(-1, keepdim=True)
        chosen = logits.gather(-1, wanted)
        total = logits.exp_().sum(-1, keepdim=True)
        loss += (total.log() - chosen).sum()
        logits /= total * (n * length)
        logits.scatter_add_(-1, wanted, torch.full_like(chosen, -1 / (n * length)))
        if by_shared is not None:
            by_shared[rows] = logits.sum(1)
        gradient = logits.flatten(0, 1).to(weight.dtype)
        by_hidden[rows] = (gradient @ weight).view(-1, length, d_model)
        by_weight += gradient.T @ states
    return loss / (n * length), by_hidden, by_weight, by_shared


def _chunk_tokens(device: str, vocabulary: int, d_model: int) -> int:
    return max(CHUNK_BYTES[device] // (4 * vocabulary), AMORTISED * d_model)

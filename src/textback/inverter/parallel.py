"""Several processes that train one model together, started by `torchrun`.

Each takes its share of every batch and has the data to itself; gradients are averaged by
DistributedDataParallel. Rank 0 alone writes files. Without torchrun everything here does nothing.
"""

import inspect
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from textback.errors import TextbackError

# From 2.13 on torch warns of the older option. With the newer one buffers are sent once, at first.
NEWER = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
NO_BUFFERS = {"forward_sync_buffers" if NEWER else "broadcast_buffers": False}
PATIENCE = timedelta(days=2)  # the others wait while one makes hypotheses for all


def world() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """The number of this process among them."""
    return dist.get_rank() if dist.is_initialized() else 0


@contextmanager
def joined(device: str) -> Iterator[str]:
    """Join the other processes where torchrun started several; gives this one's device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device == "cuda":
        local = int(os.environ["LOCAL_RANK"])
        if local >= torch.cuda.device_count():
            raise TextbackError(
                f"gpus: {os.environ['LOCAL_WORLD_SIZE']} asked for, but this machine has "
                f"{torch.cuda.device_count()}: lower 'gpus'"
            )
        torch.cuda.set_device(local)
    backend = "nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def share(rows: Tensor) -> Tensor:
    """This process's part of a batch's rows; the parts are equal in size.

    Raises TextbackError where the batch cannot be divided so.
    """
    if len(rows) % world():
        raise TextbackError(
            f"batch {len(rows)}: cannot be shared by {world()} processes: make it a multiple"
        )
    return rows[rank() :: world()]


def wrapped(model: nn.Module) -> nn.Module:
    """The model, its gradients averaged over the processes; buffers never change in training."""
    return DistributedDataParallel(model, **NO_BUFFERS) if world() > 1 else model


def without_averaging(model: nn.Module) -> AbstractContextManager:
    """Leave gradients as they are: for all micro-batches of a batch but the last."""
    return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()


def mean(value: Tensor) -> Tensor:
    """The mean of a tensor over the processes."""
    if world() > 1:
        dist.all_reduce(value)
        value /= world()
    return value


def any_of(flag: bool, device: torch.device) -> bool:
    """Whether a flag is set in any of the processes."""
    if world() == 1:
        return flag
    value = torch.tensor(float(flag), device=device)
    dist.all_reduce(value, dist.ReduceOp.MAX)
    return bool(value)


def reseed(seed: int, step: int) -> None:
    """Where several train, draw from here on what depends on seed, process and step alone.

    A checkpoint holds the random numbers of one process: only after this may it be written.
    """
    if world() > 1:
        torch.manual_seed((seed * 1_000_003 + step) * world() + rank())


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if world() > 1:
        dist.barrier()

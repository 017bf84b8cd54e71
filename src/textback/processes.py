"""What a workflow tells its steps through their environment: who it is, the device, and how to ask
an endpoint.

Steps end with the workflow that started them, even where that is killed. Otherwise a step would
outlive a killed Snakemake and compete with its restart.
"""

import json
import os
import select
import shlex
import threading
from collections.abc import Sequence
from typing import Any

WORKFLOW = "TEXTBACK_WORKFLOW_PID"
DEVICE = "TEXTBACK_DEVICE"
COMPILE = "TEXTBACK_COMPILE"
LAUNCH = "TEXTBACK_LAUNCH"  # the command of a training
COMMAND = "TEXTBACK_COMMAND"  # how the workflow was called
HOW_ASKED = "TEXTBACK_HOW_ASKED"  # JSON: of each embedder's name, keys of its entry


def mark_steps(device: str, compile: str, processes: int) -> None:
    """Called by the workflow: sets the environment of its steps."""
    os.environ[DEVICE] = device
    os.environ[COMPILE] = compile
    os.environ[LAUNCH] = launcher(processes)
    os.environ[WORKFLOW] = str(os.getpid())
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"


def mark_embedders(how_asked: dict[str, dict[str, Any]]) -> None:
    """Called by the workflow: tells its steps how to ask embedders, by their names."""
    os.environ[HOW_ASKED] = json.dumps(how_asked)


def mark_command(arguments: Sequence[str]) -> None:
    """Called by the workflow: tells its steps how it was called, `sys.argv`."""
    os.environ[COMMAND] = shlex.join(["snakemake", *arguments[1:]])


def how_to_ask(embedder: str) -> dict[str, Any]:
    """What the workflow says of how to ask an embedder; nothing in a step that a person runs."""
    return json.loads(os.environ.get(HOW_ASKED, "{}")).get(embedder, {})


def in_workflow() -> bool:
    """Whether this process is a step of a workflow."""
    return WORKFLOW in os.environ


def gpus(device: str) -> int:
    """How many GPUs a step asks Snakemake for; `auto` asks where a driver is, without torch."""
    has_driver = os.path.exists("/dev/nvidiactl")
    return int(device == "cuda" or (device == "auto" and has_driver))


def compile_choice() -> str:
    """`auto`, `on` or `off`: what is wanted of torch.compile."""
    return os.environ.get(COMPILE, "auto")


def launcher(processes: int) -> str:
    """The command that runs a sub-command of textback in so many processes together."""
    if processes == 1:
        return "textback"
    return f"torchrun --standalone --nproc-per-node {processes} --no-python textback"


def is_leader() -> bool:
    """Whether this process is the first of those that work together, or alone."""
    return os.environ.get("RANK", "0") == "0"


def die_with_workflow() -> None:
    """Called by a step: end this process when the workflow's ends, within milliseconds.

    Does nothing for a step that a person runs, or where the system has no pidfd (not Linux).
    """
    parent = os.environ.get(WORKFLOW)
    if parent is not None and hasattr(os, "pidfd_open"):
        end_with(int(parent))


def end_with(other: int) -> None:
    """End this process when another one ends, within milliseconds; at once where it has."""
    try:
        handle = os.pidfd_open(other)
    except ProcessLookupError:
        os._exit(1)

    def watch() -> None:
        select.select([handle], [], [])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

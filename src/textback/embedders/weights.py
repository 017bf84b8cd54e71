"""Where an embedder's weights lie: a folder, an installed package, or the hub."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textback.config.embedders import RandomTransformer, Weights
from textback.errors import TextbackError
from textback.packages import package_folder

OFFLINE_WAYS = (
    "where there is a network, `hf download {model}` and set 'model' to the copied folder, or copy "
    "its cache and set HF_HOME to it"
)
UNREACHABLE = ("couldn't connect", "connection", "offline", "locate the file", "local_files_only")


def locate(name: str, entry: Weights | RandomTransformer) -> str:
    """The model's folder, its weights checked where the entry has a checksum; or its hub id.

    Raises TextbackError where a folder that must exist does not, or holds other weights.
    """
    folder = Path(entry.model)
    if entry.package is not None:
        folder = package_folder(name, entry.package) / entry.model
    sha256 = getattr(entry, "sha256", None)
    if not folder.is_dir():
        if entry.package is None and sha256 is None and _is_hub_id(entry.model):
            return entry.model
        raise TextbackError(f"embedder '{name}': folder {folder} does not exist: correct 'model'")
    if sha256 is not None:
        _check_weights(name, folder / "model.safetensors", sha256)
    return str(folder)


@contextmanager
def loading(name: str, model: str) -> Iterator[None]:
    """Turn what a library says of a model that it cannot load into one line with the way out."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, AttributeError) as error:
        reason = " ".join(str(error).split())
        if "trust_remote_code" in reason:
            raise TextbackError(
                f"embedder '{name}': {model} brings Python code of its own: read that code, then "
                "set trust_remote_code: true and a 'revision' in its entry"
            ) from None
        if not Path(model).is_dir() and any(word in reason.lower() for word in UNREACHABLE):
            raise TextbackError(
                f"embedder '{name}': {_missing_file(reason)} of {model} is not on this machine and "
                f"the hub cannot be reached: {OFFLINE_WAYS.format(model=model)}"
            ) from None
        raise TextbackError(
            f"embedder '{name}': {model} cannot be loaded ({reason[:200]}): correct 'model' or its "
            "'revision', or download it first"
        ) from None


def _missing_file(reason: str) -> str:
    """The file that a message of the hub's libraries names; `config.json` is asked for first."""
    words = [word.strip("'\"`,:;()") for word in reason.split()]
    files = [w for w in words if w.endswith((".json", ".safetensors", ".bin", ".model", ".txt"))]
    return files[0].rsplit("/", 1)[-1] if files else "config.json"


def _is_hub_id(model: str) -> bool:
    """Whether a name can be one of the hub, `owner/model` or an old `model`, and not a path."""
    return model.count("/") <= 1 and not model.startswith((".", "/", "~"))


def _check_weights(name: str, path: Path, expected: str) -> None:
    if not path.is_file():
        raise TextbackError(f"embedder '{name}': {path} does not exist: correct 'model'")
    with open(path, "rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise TextbackError(
            f"embedder '{name}': {path} has sha256 {actual[:12]}… instead of {expected[:12]}…: "
            "install the weights again, or correct 'sha256' in its entry"
        )

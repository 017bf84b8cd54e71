"""Where an embedder's weights lie: a folder, an installed package, or the hub."""

import hashlib
from contextlib import AbstractContextManager
from pathlib import Path

from huggingface_hub import hf_hub_download

from textback import hub
from textback.config.embedders import Located, Weights
from textback.errors import TextbackError
from textback.packages import package_folder

WEIGHTS = "model.safetensors"
WAY_OUT = "correct 'model' or its 'revision', or download it again"


def locate(name: str, entry: Located) -> str:
    """The model's folder or hub id, its weights checked where the entry has a checksum.

    Raises TextbackError where a folder that must exist does not, or the weights are others.
    """
    folder = Path(entry.model)
    if entry.package is not None:
        folder = package_folder(name, entry.package) / entry.model
    sha256 = getattr(entry, "sha256", None)
    if not folder.is_dir():
        if entry.package is None and hub.is_name(entry.model):
            if sha256 is not None:
                _check_weights(name, _from_hub(name, entry), sha256)
            return entry.model
        raise TextbackError(f"embedder '{name}': folder {folder} does not exist: correct 'model'")
    if sha256 is not None:
        _check_weights(name, folder / WEIGHTS, sha256)
    return str(folder)


def loading(name: str, model: str) -> AbstractContextManager[None]:
    """Turn what a library says of an embedder that it cannot load into one line."""
    return hub.loading(f"embedder '{name}'", model, WAY_OUT)


def _from_hub(name: str, entry: Weights) -> Path:
    """The file of a hub model's weights, fetched where it is not on this machine."""
    local = hub.only_local(entry.model, entry.offline)
    with loading(name, entry.model):
        return Path(
            hf_hub_download(entry.model, WEIGHTS, revision=entry.revision, local_files_only=local)
        )


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

"""An embedder of the user's own: a class by its Python path, `my_module:MyEmbedder`.

The class takes the entry's `options` by name and has `embed(texts) -> (n, dimension)`. It may have
`count_tokens(texts) -> (n,)` as well; without it, the entry must leave max_tokens out.
"""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from textback.config.embedders import PythonClass
from textback.errors import TextbackError


def load(name: str, entry: PythonClass, device: str) -> "PythonEmbedder":
    """See `textback.embedders.load_embedder`. Modules in the working directory are found."""
    module_name, class_name = entry.path.split(":")
    here = search_here()
    try:
        kind = getattr(import_module(module_name), class_name)
    except Exception as error:
        raise TextbackError(
            f"embedder '{name}': {entry.path} cannot be imported ({_in_one_line(error)}): put the "
            f"module into {here}, or correct it"
        ) from error
    own = _call(f"embedder '{name}': {entry.path}", lambda: kind(**entry.options))
    if entry.max_tokens is not None and not hasattr(own, "count_tokens"):
        raise TextbackError(
            f"embedder '{name}': {entry.path} has no method count_tokens, so max_tokens cannot be "
            "held: add the method, or leave max_tokens out"
        )
    return PythonEmbedder(f"embedder '{name}': {entry.path}", own, entry)


def search_here() -> str:
    """Let Python find modules in the working directory, which is returned."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return here


class PythonEmbedder:
    """See `textback.embedders.Embedder`. what: how an error begins"""

    def __init__(self, what: str, own: Any, entry: PythonClass) -> None:
        self.dimension, self.max_tokens = entry.dimension, entry.max_tokens
        self._what, self._own = what, own

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.embed`."""
        if not len(texts):
            return np.empty((0, self.dimension), np.float32)
        return _call(self._what, lambda: np.asarray(self._own.embed(list(texts)), np.float32))

    def count_tokens(self, texts: Sequence[str]) -> np.ndarray:
        """See `textback.embedders.Embedder.count_tokens`."""
        return _call(self._what, lambda: np.asarray(self._own.count_tokens(list(texts))))


def _call(what: str, function: Callable[[], Any]) -> Any:
    """Call what the user wrote; its error, whatever it is, becomes one line."""
    try:
        return function()
    except Exception as error:
        raise TextbackError(f"{what} fails ({_in_one_line(error)}): correct it") from error


def _in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())

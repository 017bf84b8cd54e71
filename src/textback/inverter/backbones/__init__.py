"""Backbones: the transformers that write a text from what a reader has read.

Both are transformers-library models, from scratch in a named size or pretrained:

    t5      an encoder reads, a decoder writes (`backbones/t5.py`)
    causal  a decoder-only model continues what was read, as a prefix (`backbones/causal.py`)
"""

from typing import Any, Protocol

from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    MT5ForConditionalGeneration,
    T5ForConditionalGeneration,
)

from textback.config import Backbone as BackboneEntry
from textback.errors import TextbackError
from textback.hub import loading, only_local
from textback.inverter.backbones.written import Written

T5S = {"t5": T5ForConditionalGeneration, "mt5": MT5ForConditionalGeneration}  # by model type


class Cache(Protocol):
    """What a decoder remembers of n texts × `width` beams: `own`, of what they have written."""

    own: Written


class Backbone(Protocol):
    """What an inverter needs of its backbone. It is a `torch.nn.Module`.

    d_model: of inputs and hidden states; vocabulary: rows of its token embeddings
    """

    d_model: int
    vocabulary: int

    def embed(self, ids: Tensor) -> Tensor:
        """Token ids (…) → inputs (…, d_model)."""

    def read(self, inputs: Tensor, unseen: int | None = None) -> Tensor:
        """What is read, (n, inputs, d_model), made ready to be written from: the memory.

        unseen: an input that holds its place, but is not attended to
        """

    def write(self, memory: Tensor, ids: Tensor, draft: Tensor | None = None) -> Tensor:
        """Hidden states of the next token after the start and each of `ids`.

        memory: (n, inputs, d_model); ids: (n, t); draft: added to the input from which each token
        is written, (n, t + 1, d_model) → (n, t + 1, d_model)
        """

    def output_weight(self) -> Tensor:
        """The matrix that turns hidden states into logits, (vocabulary, d_model)."""

    def start(
        self, memory: Tensor, length: int, width: int, draft: Tensor | None = None
    ) -> tuple[Tensor, Cache]:
        """Begin to write `length` tokens, `width` beams a text; draft: as for `write`.

        Returns the hidden states of the first token, (n, d_model), and the cache.
        """

    def step(self, ids: Tensor, position: Tensor, cache: Cache) -> Tensor:
        """Write one token more.

        ids: the last ones, (n, width); position: theirs, () → hidden states, (n, width, d_model)
        """

    def specials(self) -> Tensor:
        """The embedded start token and separator, (2, d_model)."""

    def token_embedding(self) -> nn.Parameter:
        """The matrix of token embeddings, (vocabulary, d_model)."""


def new(entry: BackboneEntry, vocabulary: int) -> Backbone:
    """A backbone by its entry: from scratch for `vocabulary` tokens, or pretrained.

    Raises TextbackError where pretrained weights cannot be loaded, or are of another kind.
    """
    return _class(_family(entry)).new(entry, vocabulary)


def restore(shape: dict[str, Any]) -> Backbone:
    """An untrained backbone of the shape that `shape` told."""
    config = AutoConfig.for_model(**shape["config"])
    if config.model_type not in T5S:
        return _class("causal")(AutoModelForCausalLM.from_config(config))
    model = T5S[config.model_type](config)
    if shape["own_head"]:  # which T5's configuration cannot say
        model.lm_head.weight = nn.Parameter(model.lm_head.weight.detach().clone())
    return _class("t5")(model)


def shape(backbone: Backbone) -> dict[str, Any]:
    """A backbone's shape, as JSON can hold it: its configuration, and whether it has a head of
    its own beside its token embeddings.
    """
    (model,) = backbone.children()
    own_head = backbone.output_weight() is not backbone.token_embedding()
    return {"config": model.config.to_dict(), "own_head": own_head}


def _class(family: str) -> Any:
    from textback.inverter.backbones.causal import CausalBackbone
    from textback.inverter.backbones.t5 import T5Backbone

    return {"t5": T5Backbone, "causal": CausalBackbone}[family]


def _family(entry: BackboneEntry) -> str:
    """`t5` or `causal`: as the entry says, or as the pretrained model's configuration does."""
    if entry.pretrained is None:
        return "t5" if entry.family == "t5" else "causal"
    config = load(AutoConfig, entry)
    architecture = (config.architectures or [""])[0]
    if config.model_type in T5S and "Encoder" not in architecture:
        return "t5"
    if architecture.endswith("ForCausalLM"):
        return "causal"
    raise TextbackError(
        f"pretrained {entry.pretrained}: is a {architecture or config.model_type}, neither a T5 "
        "nor a causal model of Llama or Qwen shape: choose e.g. google-t5/t5-base"
    )


def load(kind: Any, entry: BackboneEntry, **options: Any) -> Any:
    """`kind.from_pretrained` of the entry. Raises TextbackError where it fails."""
    way_out = "give a folder with config.json and model.safetensors, or download it first"
    with loading("pretrained", entry.pretrained, way_out):
        local = only_local(entry.pretrained)
        return kind.from_pretrained(
            entry.pretrained, revision=entry.revision, local_files_only=local, **options
        )
